package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall/js"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/sse"
)

// Fetch is a feed.Source over the browser's fetch: the bytes of a chunk cross from JavaScript to Go in one copy, straight
// into the reader's buffer. Cookies of the page's own origin go with it; nothing is cached.
type Fetch struct {
	URL string
}

var _ feed.Source = (*Fetch)(nil)

// Open asks for the stream; see feed.Source.
func (f *Fetch) Open(ctx context.Context, r feed.Request) (*feed.Response, error) {
	b, answer, err := open(ctx, "GET", f.URL, sse.ContentType, r.LastEventID, noStore)
	if err != nil {
		return nil, err
	}
	headers := answer.Get("headers")
	return &feed.Response{
		Status:      answer.Get("status").Int(),
		ContentType: header(headers, "Content-Type"),
		RetryAfter:  header(headers, "Retry-After"),
		Body:        b,
	}, nil
}

// What the browser's cache has to do with a request, as fetch calls it.
const (
	noStore = "no-store"
	asTold  = "default" // as the answer's head allows
)

// open sends a request without a body and returns the answer's head and its body to come.
func open(ctx context.Context, method, url, accept, lastEventID, cache string) (*body, js.Value, error) {
	head := js.Global().Get("Object").New()
	head.Set("Accept", accept)
	if lastEventID != "" {
		head.Set("Last-Event-ID", lastEventID)
	}
	abort := js.Global().Get("AbortController").New()
	options := js.Global().Get("Object").New()
	options.Set("method", method)
	options.Set("headers", head)
	options.Set("cache", cache)
	options.Set("credentials", "same-origin")
	options.Set("signal", abort.Get("signal"))

	b := &body{ctx: ctx, abort: abort, settled: make(chan settled, 1)}
	b.kept = funcOf(func(_ js.Value, args []js.Value) any {
		b.settled <- settled{value: args[0]}
		return nil
	})
	b.broken = funcOf(func(_ js.Value, args []js.Value) any {
		b.settled <- settled{broken: true, value: args[0]}
		return nil
	})
	answer, err := b.await(js.Global().Call("fetch", url, options))
	if err != nil {
		b.Close()
		return nil, js.Undefined(), fmt.Errorf("the server can't be reached: %w", err)
	}
	if stream := answer.Get("body"); stream.Truthy() {
		b.reader = stream.Call("getReader")
	}
	return b, answer, nil
}

func header(headers js.Value, name string) string {
	if v := headers.Call("get", name); v.Type() == js.TypeString {
		return v.String()
	}
	return ""
}

// body reads one answer. It has one pair of callbacks for all its promises, of which one at most is pending.
type body struct {
	ctx          context.Context
	abort        js.Value // its AbortController
	reader       js.Value // undefined for an answer without a body
	kept, broken function
	settled      chan settled // of one: a callback must never block

	chunk  js.Value // what did not fit into the reader's buffer
	length int      // of chunk; zero: there is none
	err    error
}

type settled struct {
	value  js.Value
	broken bool
}

// await waits for a promise. When the context ends it aborts the fetch, and waits for the promise to say so: a callback
// may only be released when it will not be called any more.
func (b *body) await(promise js.Value) (js.Value, error) {
	promise.Call("then", b.kept.Func, b.broken.Func)
	var s settled
	select {
	case s = <-b.settled:
	case <-b.ctx.Done():
		b.abort.Call("abort")
		<-b.settled
		return js.Undefined(), b.ctx.Err()
	}
	if s.broken {
		return js.Undefined(), jsError(s.value)
	}
	return s.value, nil
}

func jsError(v js.Value) error {
	if v.Type() == js.TypeObject {
		if m := v.Get("message"); m.Type() == js.TypeString {
			return errors.New(m.String())
		}
	}
	return errors.New(v.String())
}

// Read waits for a chunk of the stream and copies as much of it as fits.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	for b.length == 0 {
		if b.err = b.next(); b.err != nil {
			return 0, b.err
		}
	}
	n := js.CopyBytesToGo(p, b.chunk)
	if b.length -= n; b.length > 0 {
		b.chunk = b.chunk.Call("subarray", n)
	} else {
		b.chunk = js.Undefined()
	}
	return n, nil
}

func (b *body) next() error {
	if b.reader.IsUndefined() {
		return io.EOF
	}
	result, err := b.await(b.reader.Call("read"))
	if err != nil {
		return fmt.Errorf("the connection broke: %w", err)
	}
	if result.Get("done").Bool() {
		return io.EOF
	}
	b.chunk = result.Get("value")
	b.length = b.chunk.Get("byteLength").Int()
	return nil
}

// Close ends the fetch, wherever it is. It must not be called while Read runs.
func (b *body) Close() error {
	if b.err == io.ErrClosedPipe {
		return nil
	}
	b.abort.Call("abort")
	b.kept.Release()
	b.broken.Release()
	b.err = io.ErrClosedPipe
	return nil
}
