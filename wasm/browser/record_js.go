package browser

import (
	"context"
)

// Record reads what is recorded at the URL. It holds nothing between calls.
type Record struct {
	URL string
}

// Read asks for one page; query is the URL's, without the "?". When ctx ends, Read, and reading the body, fail soon after.
func (r *Record) Read(ctx context.Context, query string) (Page, error) {
	b, answer, err := open(ctx, r.URL+"?"+query, "application/x-ndjson", "")
	if err != nil {
		return Page{}, err
	}
	headers := answer.Get("headers")
	return Page{
		Status: answer.Get("status").Int(),
		Next:   header(headers, "Telltale-Next"),
		More:   header(headers, "Telltale-More") == "true",
		Gone:   header(headers, "Telltale-Missing"),
		Body:   b,
	}, nil
}

// Probe reports whether the server at the URL says 200, which it is to do cheaply.
func Probe(ctx context.Context, url string) bool {
	b, answer, err := open(ctx, url, "application/json", "")
	if err != nil {
		return false
	}
	b.Close()
	return answer.Get("status").Int() == 200
}
