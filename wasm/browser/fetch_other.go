//go:build !js

package browser

import (
	"context"

	"github.com/mcp-cloud/telltale/shared/feed"
)

// Fetch is a feed.Source over the browser's fetch.
type Fetch struct {
	URL string
}

// Open fails with ErrNoBrowser.
func (*Fetch) Open(context.Context, feed.Request) (*feed.Response, error) { return nil, ErrNoBrowser }
