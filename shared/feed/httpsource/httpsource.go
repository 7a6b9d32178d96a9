// Package httpsource opens streams for package feed over net/http. It stands apart so that a browser, which has fetch, does
// not download net/http.
package httpsource

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/sse"
)

// Source is a feed.Source: one URL, asked with GET unless Method says otherwise. It may be used by several goroutines at
// once.
type Source struct {
	URL    string
	Method string           // "" means GET
	Header http.Header      // sent with each request; Accept and Last-Event-ID are Source's own
	Body   func() io.Reader // of each request, and again where that is redirected; nil means none
	Client *http.Client     // nil means http.DefaultClient; its Timeout would cut streams, so leave it zero
}

var _ feed.Source = (*Source)(nil)

// Open sends the request and returns when the head of the answer is in. Redirects are followed as Client does. A stream
// compressed with gzip comes unfolded, each piece as soon as it is in. Where no request can be made of what is asked for it returns a
// *feed.RefusedError, as trying again would not help.
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
	if err == nil {
		err = check(req.URL, s.Header)
	}
	if err != nil {
		return nil, &feed.RefusedError{Detail: "httpsource: " + err.Error()}
	}
	if s.Body != nil && req.GetBody == nil { // a redirect may ask for it again
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(s.Body()), nil }
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

// check returns what a client would refuse to send each time anew.
func check(u *url.URL, h http.Header) error {
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf(`URL %q: want something like "http://127.0.0.1:8080/api/events"`, u.Redacted())
	}
	for name, values := range h {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7F || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r) }) {
			return fmt.Errorf("header %q: that is no name of a header", name)
		}
		for _, v := range values {
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }) {
				return fmt.Errorf("header %s: there is a control character in it, such as a line break at its end", name)
			}
		}
	}
	return nil
}
