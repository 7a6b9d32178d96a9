package web_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
	"github.com/mcp-cloud/telltale/server/redact"
	"github.com/mcp-cloud/telltale/server/web"
	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/sse"
)

// untilLive ends a stream when it has said all that it has to say at first.
type untilLive struct {
	*httptest.ResponseRecorder
	end context.CancelFunc
}

func (u *untilLive) Write(p []byte) (int, error) {
	n, err := u.ResponseRecorder.Write(p)
	if strings.Contains(u.Body.String(), "event: stream:heartbeat\n") {
		u.end()
	}
	return n, err
}

func (u *untilLive) Flush() {}

// fuzzSite is a server without sockets, its record in a file that is thrown away, redaction before it.
func fuzzSite(f *testing.F) (*web.Server, *redact.Redactor) {
	f.Helper()
	log, err := bolt.Open(filepath.Join(f.TempDir(), "record"), bolt.Options{})
	if err != nil {
		f.Fatal(err)
	}
	h := hub.New(log, hub.Options{})
	r, err := redact.New(redact.Rules{})
	if err != nil {
		f.Fatal(err)
	}
	w, err := web.New(web.Config{Log: log, Publisher: r.Before(log), Hub: h, Files: someFiles, Version: "v-test", Heartbeat: time.Hour})
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = h.Run(ctx) })
	f.Cleanup(func() {
		w.Close()
		cancel()
		running.Wait()
		_ = log.Close()
	})
	<-h.Ready()
	return w, r
}

// Whatever a reader asks for, he gets a refusal that is his fault, or a stream of whole frames that are events, and pages of JSON. Nothing
// he writes comes back as a line of its own.
func FuzzAsk(f *testing.F) {
	for _, seed := range [][3]string{
		{"web-1", "server:*,metrics:cpu", ""}, {"", "", "1.5"}, {"a\r\nid: 9", "x:y", "1.2\r\n\r\ndata: forged"}, {"a\x00", "*", "0.0"},
		{"*", "a:*", "18446744073709551615.18446744073709551615"}, {"a,b,c", "%", "-1.-1"}, {"é", "\xff", "event: x"},
	} {
		f.Add(seed[0], seed[1], seed[2], "rate=1")
		f.Add(seed[0], seed[1], seed[2], "limit=3&after="+url.QueryEscape(seed[2]))
	}
	w, _ := fuzzSite(f)
	f.Fuzz(func(t *testing.T, servers, types, last, more string) {
		for _, path := range []string{"/api/events", "/api/servers/" + url.PathEscape(servers) + "/events"} {
			for _, accept := range []string{"text/event-stream", "application/json", "application/x-ndjson"} {
				target := path + "?servers=" + url.QueryEscape(servers) + "&types=" + url.QueryEscape(types) + "&" + more
				u, err := url.ParseRequestURI(target)
				if err != nil {
					continue // net/http refuses it before us
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				req := (&http.Request{Method: "GET", URL: u, RequestURI: target, Host: "localhost", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
					Header: http.Header{"Accept": {accept}, "Last-Event-Id": {last}}, RemoteAddr: "127.0.0.1:1234", Body: http.NoBody}).WithContext(ctx)
				rec := &untilLive{httptest.NewRecorder(), cancel}
				w.ServeHTTP(rec, req)
				cancel()
				whole(t, target, rec.ResponseRecorder)
			}
		}
	})
}

// whole fails the test unless an answer is what it says it is.
func whole(t *testing.T, target string, rec *httptest.ResponseRecorder) {
	t.Helper()
	for name, values := range rec.Header() {
		if v := strings.Join(values, ""); strings.ContainsAny(v, "\r\n\x00") {
			t.Fatalf("%s: header %s is %q", target, name, v)
		}
	}
	body := rec.Body.Bytes()
	switch {
	case rec.Code >= 500:
		t.Fatalf("%s: got %d %s", target, rec.Code, body)
	case rec.Code >= 300:
		if rec.Header().Get("Content-Type") == "application/problem+json" && !json.Valid(body) {
			t.Fatalf("%s: the problem is no JSON: %q", target, body)
		}
	case rec.Header().Get("Content-Type") == "text/event-stream":
		var dec sse.Decoder
		if err := dec.Push(body, func(fr sse.Frame) bool {
			e, err := event.Parse(fr)
			if err != nil || event.CheckType(e.Type) != nil || !json.Valid(e.Data) {
				t.Fatalf("%s: frame %q %q %q: %v", target, fr.ID, fr.Event, fr.Data, err)
			}
			return true
		}); err != nil {
			t.Fatalf("%s: %v in %q", target, err, body)
		}
	case rec.Header().Get("Content-Type") == "application/json":
		if !json.Valid(body) {
			t.Fatalf("%s: no JSON: %q", target, body)
		}
	}
}

// Whatever names a publisher gives to things, it is refused as its fault, or it comes back to readers as one frame with just these names.
func FuzzPublishNames(f *testing.F) {
	for _, seed := range []string{"x:y", "x:y\r\ndata: forged", "stream:sync", "a\x00b:c", "id\nevent: z", "é:ü", "web-1", "a\u2028b", "..", "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"} {
		f.Add("web-1", seed, "k-1", "ci", "plain")
		f.Add(seed, "x:y", seed, seed, seed)
	}
	w, r := fuzzSite(f)
	f.Fuzz(func(t *testing.T, server, typ, id, source, text string) {
		body, err := json.Marshal(map[string]any{"type": typ, "id": id, "source": source, "serverId": server, "data": map[string]string{"message": text, text: "v"}})
		if err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest("POST", "http://localhost/api/events", strings.NewReader(string(body)))
		req.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, req)
		if rec.Code >= 500 || rec.Code >= 300 && !json.Valid(rec.Body.Bytes()) {
			t.Fatalf("%s: got %d %s", body, rec.Code, rec.Body)
		}
		if rec.Code != http.StatusAccepted {
			return
		}
		var got struct{ Events []struct{ ID string } }
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || len(got.Events) != 1 {
			t.Fatalf("got %s, %v", rec.Body, err)
		}
		place, err := event.ParseID(got.Events[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		back := httptest.NewRecorder()
		ask := httptest.NewRequest("GET", "http://localhost/api/events?after="+(event.ID{Epoch: place.Epoch, Seq: place.Seq - 1}).String()+"&limit=1", nil)
		if place.Seq == 1 {
			ask = httptest.NewRequest("GET", "http://localhost/api/events?limit=1", nil)
		}
		ask.Header.Set("Accept", "application/json")
		w.ServeHTTP(back, ask)
		var page struct {
			Events []struct {
				ID, Event string
				Data      json.RawMessage
			}
		}
		if err := json.Unmarshal(back.Body.Bytes(), &page); err != nil || len(page.Events) != 1 || page.Events[0].ID != place.String() || page.Events[0].Event != typ {
			t.Fatalf("%s came back as %d %s, %v", body, back.Code, back.Body, err)
		}
		if again := r.Event(event.Event{Data: page.Events[0].Data}); string(again.Data) != string(page.Events[0].Data) {
			t.Fatalf("recorded with a secret: %s", page.Events[0].Data)
		}
		frames := 0
		var dec sse.Decoder
		if err := dec.Push(event.AppendFrame(nil, event.Event{ID: place, Type: page.Events[0].Event, Data: page.Events[0].Data}), func(sse.Frame) bool { frames++; return true }); err != nil || frames != 1 {
			t.Fatalf("%s makes %d frames, %v", page.Events[0].Data, frames, err)
		}
	})
}
