package browser

import (
	"context"
	"io"
)

// Record reads what is recorded at the URL. It holds nothing between calls.
type Record struct {
	URL string
}

// Read asks for one page; query is the URL's, without the "?". When ctx ends, Read, and reading the body, fail soon after.
func (r *Record) Read(ctx context.Context, query string) (Page, error) {
	b, answer, err := open(ctx, "GET", r.URL+"?"+query, "application/x-ndjson", "", noStore)
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
	status, _, err := Call(ctx, "GET", url)
	return err == nil && status == 200
}

// maxAnswer bounds what Call reads: a thousand of whatever is listed.
const maxAnswer = 1 << 20

// Call sends a request without a body and returns the answer, which is to be short, and JSON or nothing.
func Call(ctx context.Context, method, url string) (status int, body []byte, err error) {
	return call(ctx, method, url, noStore)
}

// Cached is Call, answered out of the browser's cache where the answer of before allows it.
func Cached(ctx context.Context, method, url string) (status int, body []byte, err error) {
	return call(ctx, method, url, asTold)
}

func call(ctx context.Context, method, url, cache string) (status int, body []byte, err error) {
	b, answer, err := open(ctx, method, url, "application/json", "", cache)
	if err != nil {
		return 0, nil, err
	}
	defer b.Close()
	body, err = io.ReadAll(io.LimitReader(b, maxAnswer))
	return answer.Get("status").Int(), body, err
}
