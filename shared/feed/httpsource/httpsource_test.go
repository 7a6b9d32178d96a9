package httpsource_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/feed/httpsource"
)

func TestMain(m *testing.M) {
	// In Wasm, the goroutine that brings JavaScript's events to Go is the runtime's own.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

func TestAsksAsTold(t *testing.T) {
	var got *http.Request
	var body string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"title":"Slow down"}`)
	}))
	defer srv.Close()
	s := &httpsource.Source{
		URL: srv.URL + "/api/events?types=server:*", Method: "POST", Client: srv.Client(),
		Header: http.Header{"Authorization": {"Bearer x"}, "Last-Event-Id": {"not mine"}},
		Body:   func() io.Reader { return strings.NewReader("which") },
	}
	for _, last := range []string{"", "a.5"} {
		answer, err := s.Open(t.Context(), feed.Request{LastEventID: last})
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		for _, c := range []struct{ what, got, want string }{
			{"method", got.Method, "POST"},
			{"query", got.URL.RawQuery, "types=server:*"},
			{"body", body, "which"},
			{"Accept", got.Header.Get("Accept"), "text/event-stream"},
			{"Authorization", got.Header.Get("Authorization"), "Bearer x"},
			{"Last-Event-ID", strings.Join(got.Header.Values("Last-Event-ID"), "|"), last},
			{"type", answer.ContentType, "application/problem+json"},
			{"Retry-After", answer.RetryAfter, "7"},
			{"status", fmt.Sprint(answer.Status), "429"},
		} {
			if c.got != c.want {
				t.Errorf("%s: got %q, want %q", c.what, c.got, c.want)
			}
		}
	}
}

// A redirect that keeps the method keeps the body too, whatever reader it is.
func TestFollowsRedirects(t *testing.T) {
	for _, status := range []int{http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/there" {
				http.Redirect(w, r, "/there", status)
				return
			}
			b, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", r.Method+" "+string(b)+" "+r.Header.Get("Last-Event-ID"))
		}))
		s := &httpsource.Source{URL: srv.URL, Method: "POST", Client: srv.Client(), Body: func() io.Reader { return io.MultiReader(strings.NewReader("which")) }}
		answer, err := s.Open(t.Context(), feed.Request{LastEventID: "a.5"})
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.Status != 200 || answer.ContentType != "POST which a.5" {
			t.Errorf("%d: got %d, %q", status, answer.Status, answer.ContentType)
		}
		srv.Close()
	}
}

// What no request can be made of is said once, and not tried for ever.
func TestWhatCanNotBeAsked(t *testing.T) {
	for _, row := range []struct {
		name, url string
		header    http.Header
		want      string
	}{
		{"no scheme", "127.0.0.1:8080/api/events", nil, "127.0.0.1:8080"},
		{"another scheme", "ftp://me:secret@127.0.0.1/api/events", nil, `URL "ftp://me:xxxxx@127.0.0.1/api/events": want something like "http://`},
		{"no host", "http:///api/events", nil, "want something like"},
		{"a line break in a token", "http://127.0.0.1:1/api/events", http.Header{"Authorization": {"Bearer x\n"}}, "header Authorization: there is a control character"},
		{"a name that is none", "http://127.0.0.1:1/api/events", http.Header{"X Y": {"z"}}, `header "X Y": that is no name`},
	} {
		client := feed.Client{Source: &httpsource.Source{URL: row.url, Header: row.header}, Handle: func(feed.Batch) {}}
		err := client.Run(t.Context())
		var refused *feed.RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %s", row.name, err, row.want)
		}
	}
}

// The whole road, as `telltale tail` goes it: a server that cuts the connection after each event, compressed or not.
func TestFollowsARealServer(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		t.Run(fmt.Sprint("gzip ", compressed), func(t *testing.T) {
			const total = 3
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				var out io.Writer = w
				flush := func() { _ = http.NewResponseController(w).Flush() }
				if compressed {
					w.Header().Set("Content-Encoding", "gzip")
					z := gzip.NewWriter(w)
					out, flush = z, func() { _ = z.Flush(); _ = http.NewResponseController(w).Flush() }
				}
				place, mode := event.ID{Epoch: 10, Seq: 1}, event.SyncFresh
				if last, err := event.ParseID(r.Header.Get("Last-Event-ID")); err == nil {
					place, mode = event.ID{Epoch: 10, Seq: last.Seq + 1}, event.SyncResumed
				}
				b, _ := event.StreamSync.AppendFrame([]byte("retry: 1\n\n"), event.ID{}, event.Sync{Mode: mode, Place: place, HeartbeatMs: 15000})
				b = event.AppendFrame(b, event.Event{ID: place, Type: "x:y", Data: fmt.Appendf(nil, `{"timestamp":"2026-11-22T12:00:00.000Z","serverId":"s","n":%d}`, place.Seq)})
				b, _ = event.StreamHeartbeat.AppendFrame(b, place, event.Heartbeat{Place: place})
				_, _ = out.Write(b)
				flush()
				if place.Seq == total {
					<-r.Context().Done()
				}
			}))
			defer srv.Close()
			ctx, cancel := context.WithCancel(t.Context())
			var got []string
			c := feed.Client{
				Source:  &httpsource.Source{URL: srv.URL, Client: srv.Client()},
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
			if got := strings.Join(got, " "); got != "a.1 a.2 a.3" {
				t.Errorf("got %s, want a.1 a.2 a.3", got)
			}
		})
	}
}
