//go:build !js

package browser

import "context"

// Record reads what is recorded at the URL.
type Record struct {
	URL string
}

// Read fails with ErrNoBrowser.
func (*Record) Read(context.Context, string) (Page, error) { return Page{}, ErrNoBrowser }

// Probe reports that there is no answer.
func Probe(context.Context, string) bool { return false }

// Call fails with ErrNoBrowser.
func Call(context.Context, string, string) (int, []byte, error) { return 0, nil, ErrNoBrowser }

// Cached fails with ErrNoBrowser.
func Cached(context.Context, string, string) (int, []byte, error) { return 0, nil, ErrNoBrowser }
