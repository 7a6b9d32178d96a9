package web

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/sse"
)

// Whatever a body holds: it is refused as the client's mistake, or it makes events that stand in a stream as what they are,
// each exactly one frame.
func FuzzParseEvents(f *testing.F) {
	for _, seed := range []string{
		`{"type":"backup:finished","data":{"size":12}}`, `[{"type":"x:y"},{"type":"metrics:cpu","data":{"usage":1}}]`,
		"{\"type\":\"x:y\"}\n{\"type\":\"x:z\",\"id\":\"k\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"source\":\"s\"}",
		`{"type":"x:y","data":{"id":7,"serverId":"other","type":"t","a":"\u2028\r\n"}}`, "\uFEFF[]", `[`, `{"type":`, `{"a":{}}`, "12", "",
		`{"type":"server:online","serverId":"s","data":{"":null,"\"":"\\"}}`,
	} {
		f.Add([]byte(seed), "web-1")
		f.Add([]byte(seed), "")
	}
	f.Fuzz(func(t *testing.T, body []byte, server string) {
		if server != "" && event.CheckServer(server) != nil {
			t.Skip("serverOf refuses it before")
		}
		events, err := parseEvents(body, server, time.UnixMilli(1_700_000_000_000), event.MaxData)
		if err != nil {
			var p *problem
			if !errors.As(err, &p) || p.Status < 400 || p.Status > 499 || p.Detail == "" || len(p.Errors) > maxErrors || events != nil {
				t.Fatalf("got %d events and %v, want a problem of the client's", len(events), err)
			}
			return
		}
		for i, e := range events {
			e.ID = event.ID{Epoch: 1, Seq: uint64(i + 1)}
			frames := 0
			var dec sse.Decoder
			if err := dec.Push(event.AppendFrame(nil, e), func(fr sse.Frame) bool {
				frames++
				got, err := event.Parse(fr)
				if err != nil || got.ID != e.ID || got.Type != e.Type || got.Server != e.Server || !json.Valid(got.Data) {
					t.Errorf("%q came back as %+v, %v", e.Data, got, err)
				}
				return true
			}); err != nil || frames != 1 {
				t.Errorf("%q makes %d frames, %v", e.Data, frames, err)
			}
			if server != "" && e.Server != server {
				t.Errorf("got server %q, want the URL's %q", e.Server, server)
			}
		}
	})
}

// A mended query has no "?", is not mended twice, and says what it said where there was nothing to mend.
func FuzzFixQuery(f *testing.F) {
	for _, seed := range []string{"types=a:*?auth=x", "a=1&b=2", "types=x:y??&lastEventId=1.2", "a=%3F", "?", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got := fixQuery(raw)
		if strings.Contains(got, "?") || len(got) != len(raw) || fixQuery(got) != got {
			t.Fatalf("%q became %q", raw, got)
		}
		if !strings.Contains(raw, "?") && got != raw {
			t.Fatalf("%q became %q and needed nothing", raw, got)
		}
		want, err := url.ParseQuery(strings.Join(strings.Split(raw, "?"), "&"))
		have, err2 := url.ParseQuery(got)
		if (err == nil) != (err2 == nil) || want.Encode() != have.Encode() {
			t.Fatalf("%q: got %v, want %v", raw, have, want)
		}
	})
}

func FuzzNegotiate(f *testing.F) {
	f.Add("text/html,application/json;q=0.9,*/*;q=0.8")
	f.Add("*/*")
	f.Add(";;q=,/")
	offers := []string{mediaStream, mediaJSON, mediaNDJSON}
	f.Fuzz(func(t *testing.T, accept string) {
		if got := negotiate([]string{accept}, offers...); got != "" && !slices.Contains(offers, got) {
			t.Fatalf("%q: got %q", accept, got)
		}
	})
}

func TestNegotiate(t *testing.T) {
	for _, row := range []struct{ accept, want string }{
		{"", mediaStream}, {"*/*", mediaStream}, {"text/event-stream", mediaStream}, {"text/*", mediaStream},
		{"application/json", mediaJSON}, {"application/json, text/plain, */*", mediaJSON}, {"application/*", mediaJSON},
		{"application/x-ndjson", mediaNDJSON}, {"application/json;q=0.5, application/x-ndjson", mediaNDJSON},
		{"text/event-stream;q=0.1, application/json;q=0.2", mediaJSON}, {"Application/JSON; charset=utf-8", mediaJSON},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", mediaStream},
		{"text/event-stream;q=0, */*", mediaJSON}, {"image/png", ""}, {"application/json;q=0", ""},
	} {
		if got := negotiate([]string{row.accept}, mediaStream, mediaJSON, mediaNDJSON); got != row.want {
			t.Errorf("%q: got %q, want %q", row.accept, got, row.want)
		}
	}
}
