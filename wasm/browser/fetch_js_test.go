package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall/js"
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// nodeServer is a real HTTP server of the node that runs the tests: fetch there is the standard's, as in a browser.
type nodeServer struct {
	url string
}

// request is one request as its handler sees it; the methods are those of node.
type request struct{ req, res js.Value }

func (r request) header(name string) string {
	if v := r.req.Get("headers").Get(strings.ToLower(name)); v.Type() == js.TypeString {
		return v.String()
	}
	return ""
}

func (r request) head(status int, contentType string) {
	headers := js.Global().Get("Object").New()
	if contentType != "" {
		headers.Set("Content-Type", contentType)
	}
	headers.Set("Retry-After", "7")
	r.res.Call("writeHead", status, headers)
	r.res.Call("flushHeaders")
}

func (r request) write(text string) { r.res.Call("write", text) }

// closed is closed when the client has gone.
func (r request) closed(t *testing.T) <-chan struct{} {
	gone := make(chan struct{})
	f := js.FuncOf(func(js.Value, []js.Value) any { close(gone); return nil })
	t.Cleanup(f.Release)
	r.res.Call("once", "close", f)
	return gone
}

func serve(t *testing.T, handle func(r request)) *nodeServer {
	t.Helper()
	handler := js.FuncOf(func(_ js.Value, args []js.Value) any {
		go handle(request{args[0], args[1]})
		return nil
	})
	srv := js.Global().Call("require", "http").Call("createServer", handler)
	ready := make(chan struct{})
	listening := js.FuncOf(func(js.Value, []js.Value) any { close(ready); return nil })
	defer listening.Release()
	srv.Call("listen", 0, "127.0.0.1", listening)
	<-ready
	t.Cleanup(func() {
		gone := make(chan struct{})
		closed := js.FuncOf(func(js.Value, []js.Value) any { close(gone); return nil })
		defer closed.Release()
		srv.Call("close", closed)
		srv.Call("closeAllConnections")
		<-gone
		handler.Release()
	})
	return &nodeServer{fmt.Sprintf("http://127.0.0.1:%d/", srv.Call("address").Get("port").Int())}
}

func TestFetchBringsHeadAndBytes(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	goOn := make(chan struct{})
	srv := serve(t, func(r request) {
		r.head(200, "text/event-stream; charset=utf-8")
		r.write(r.header("Accept") + " " + r.header("Last-Event-ID") + "\n")
		<-goOn
		r.write(long)
		r.res.Call("end")
	})
	answer, err := (&Fetch{URL: srv.url}).Open(t.Context(), feed.Request{LastEventID: "a.5"})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.Status != 200 || answer.ContentType != "text/event-stream; charset=utf-8" || answer.RetryAfter != "7" {
		t.Errorf("got head %+v", answer)
	}
	// The first piece is there before the second is sent.
	buf := make([]byte, 100)
	n, err := answer.Body.Read(buf)
	if got, want := string(buf[:n]), "text/event-stream a.5\n"; got != want || err != nil {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
	close(goOn)
	var got strings.Builder
	for { // in a buffer smaller than the pieces
		n, err := answer.Body.Read(buf[:7])
		got.Write(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if got.String() != long {
		t.Errorf("got %d bytes, want the %d that were sent", got.Len(), len(long))
	}
}

func TestFetchSaysNothingOfAPlaceItHasNot(t *testing.T) {
	srv := serve(t, func(r request) {
		r.head(400, "application/problem+json")
		_, has := r.req.Get("headers"), r.req.Get("headers").Get("last-event-id").Truthy()
		r.res.Call("end", fmt.Sprint("has place: ", has))
	})
	answer, err := (&Fetch{URL: srv.url}).Open(t.Context(), feed.Request{})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if string(b) != "has place: false" || err != nil || answer.Status != 400 {
		t.Errorf("got %d %q, %v", answer.Status, b, err)
	}
}

func TestFetchWithoutABody(t *testing.T) {
	srv := serve(t, func(r request) { r.head(204, ""); r.res.Call("end") })
	answer, err := (&Fetch{URL: srv.url}).Open(t.Context(), feed.Request{})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if n, err := answer.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF || answer.Status != 204 {
		t.Errorf("got %d: %d, %v, want 204: 0, EOF", answer.Status, n, err)
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	t.Run("while opening", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		srv := serve(t, func(r request) {
			gone := r.closed(t)
			cancel()
			<-gone
		})
		if _, err := (&Fetch{URL: srv.url}).Open(ctx, feed.Request{}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
	t.Run("while reading", func(t *testing.T) {
		gone := make(chan struct{})
		srv := serve(t, func(r request) {
			left := r.closed(t)
			r.head(200, "text/event-stream")
			r.write("x")
			<-left
			close(gone)
		})
		ctx, cancel := context.WithCancel(t.Context())
		answer, err := (&Fetch{URL: srv.url}).Open(ctx, feed.Request{})
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		if n, err := answer.Body.Read(buf); n != 1 || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
		go cancel()
		if _, err := answer.Body.Read(buf); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		<-gone
		answer.Body.Close()
		if _, err := answer.Body.Read(buf); err == nil {
			t.Error("a read after Close succeeded")
		}
	})
	t.Run("by Close", func(t *testing.T) {
		gone := make(chan struct{})
		srv := serve(t, func(r request) {
			left := r.closed(t)
			r.head(200, "text/event-stream")
			<-left
			close(gone)
		})
		answer, err := (&Fetch{URL: srv.url}).Open(t.Context(), feed.Request{})
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		<-gone
	})
}

func TestFetchTellsOfFailure(t *testing.T) {
	srv := serve(t, func(r request) {
		r.head(200, "text/event-stream")
		r.write("half")
		r.res.Call("destroy")
	})
	answer, err := (&Fetch{URL: srv.url}).Open(t.Context(), feed.Request{})
	if err == nil { // the head may or may not arrive before the end
		_, err = io.ReadAll(answer.Body)
		answer.Body.Close()
	}
	if err == nil {
		t.Error("a connection cut in the middle read as whole")
	}
	if _, err := (&Fetch{URL: "http://127.0.0.1:1/"}).Open(t.Context(), feed.Request{}); err == nil {
		t.Error("a server that is not there answered")
	}
}

// The whole road, as the page goes it: a server that cuts the connection after each event.
func TestClientOverFetch(t *testing.T) {
	const total = 4
	srv := serve(t, func(r request) {
		place, mode := event.ID{Epoch: 10, Seq: 1}, event.SyncFresh
		if last, err := event.ParseID(r.header("Last-Event-ID")); err == nil {
			place, mode = event.ID{Epoch: 10, Seq: last.Seq + 1}, event.SyncResumed
		}
		r.head(200, "text/event-stream")
		b, _ := event.StreamSync.AppendFrame([]byte("retry: 1\n\n"), event.ID{}, event.Sync{Mode: mode, Place: place, HeartbeatMs: 15000})
		b = event.AppendFrame(b, event.Event{ID: place, Type: "x:y", Data: fmt.Appendf(nil, `{"timestamp":"2026-11-22T12:00:00.000Z","serverId":"s","n":%d}`, place.Seq)})
		b, _ = event.StreamHeartbeat.AppendFrame(b, place, event.Heartbeat{Place: place})
		r.write(string(b))
		if place.Seq < total {
			r.res.Call("end")
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	c := feed.Client{
		Source:  &Fetch{URL: srv.url},
		Backoff: feed.Backoff{Min: 1, Max: 1},
		Handle: func(b feed.Batch) {
			for _, e := range b.Events {
				if e.Class() != event.Control {
					got = append(got, e.ID.String())
				}
			}
			if len(got) == total {
				cancel()
			}
		},
	}
	if err := c.Run(ctx); err != context.Canceled {
		t.Fatal(err)
	}
	if got := strings.Join(got, " "); got != "a.1 a.2 a.3 a.4" {
		t.Errorf("got %s, want a.1 a.2 a.3 a.4", got)
	}
}
