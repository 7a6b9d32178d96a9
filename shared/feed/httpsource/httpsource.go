// Package httpsource opens streams for package feed over net/http. It stands apart so that a browser, which has fetch, does
// not download net/http.
package httpsource

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/sse"
)

// Source is a feed.Source: one URL, asked with GET unless Method says otherwise. It may be used by several goroutines at
// once.
type Source struct {
	URL    string
	Method string           // "" means GET
	Header http.Header      // sent with each request; Accept and Last-Event-ID are Source's own
	Body   func() io.Reader // of each request; nil means none
	Client *http.Client     // nil means http.DefaultClient; its Timeout would cut streams, so leave it zero
}

var _ feed.Source = (*Source)(nil)

// Open sends the request and returns when the head of the answer is in. Redirects are followed as Client does. A stream
// compressed with gzip comes unfolded, each piece as soon as it is in.
func (s *Source) Open(ctx context.Context, r feed.Request) (*feed.Response, error) {
	method := s.Method
	if method == "" {
		method = http.MethodGet
	}
	var body io.Reader
	if s.Body != nil {
		body = s.Body()
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL, body)
	if err != nil {
		return nil, fmt.Errorf("httpsource: %w", err)
	}
	if s.Header != nil {
		req.Header = s.Header.Clone()
	}
	req.Header.Set("Accept", sse.ContentType)
	req.Header.Del("Last-Event-ID")
	if r.LastEventID != "" {
		req.Header.Set("Last-Event-ID", r.LastEventID)
	}
	client := s.Client
	if client == nil {
		client = http.DefaultClient
	}
	answer, err := client.Do(req)
	if err != nil {
		return nil, err // net/http names the method and URL itself
	}
	return &feed.Response{
		Status:      answer.StatusCode,
		ContentType: answer.Header.Get("Content-Type"),
		RetryAfter:  answer.Header.Get("Retry-After"),
		Body:        answer.Body,
	}, nil
}
