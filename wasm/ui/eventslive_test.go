package ui

import (
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// taped returns what the rows of the live events say of types and servers.
func (r *reader) taped() (all []string) {
	for _, row := range r.d.root.find("tape-rows").kids {
		all = append(all, row.kids[1].words()+" "+row.kids[2].words())
	}
	return all
}

func watching(t *testing.T) *reader {
	w := newWorld(t)
	w.begin(noon.Add(-59 * 1e9))
	w.publish(noon, w.event("server:online", "web<1>", noon, map[string]any{"version": "<b>"}), w.event("logs:app", "a", noon, map[string]any{"message": "before"}))
	return reading(t, w, livePath)
}

func (r *reader) come(typ, server string, fields map[string]any) {
	r.publish(r.now, r.event(typ, server, r.now, fields))
}

// What comes is shown as it comes, after the newest of each type; a reader who stops sees it stand still, and what came meanwhile after.
func TestLiveEvents(t *testing.T) {
	r := watching(t)
	r.paint()
	expect := func(what, want string) {
		t.Helper()
		if got := strings.Join(r.taped(), ", "); got != want {
			t.Errorf("%s: %s\nwant %s", what, got, want)
		}
	}
	expect("from before", "server:online web<1>, logs:app a")
	r.come("metrics:cpu", "a", map[string]any{"usage": 42.5, "cores": 4})
	r.control("stream:heartbeat", r.now, `{"serverTime":"2026-05-12T12:41:07Z"}`)
	r.paint()
	expect("what comes", "server:online web<1>, logs:app a, metrics:cpu a, stream:heartbeat ")
	if got := r.text("tape-rows"); !strings.Contains(got, "cores 4  usage 42.5") || strings.Contains(got, "serverId") {
		t.Errorf("the rows say %q", got)
	}

	first := r.d.root.find("tape-rows").kids[0]
	id := first.attrs["id"]
	r.ask("open", id)
	if !strings.Contains(first.words(), `"version": "\u003cb\u003e"`) || !strings.Contains(first.words(), "on the wire") || r.text("live-status") == "" {
		t.Errorf("opened, it says %q", first.words())
	}
	place := r.m.Tape.Events()[0].Place
	if got, want := r.page.said().Encode(), (url.Values{"event": {place.String()}}).Encode(); got != want {
		t.Errorf("the address says %s, want %s", got, want)
	}
	for range 3 {
		r.come("logs:app", "a", map[string]any{"message": "later"})
		r.paint()
	}
	expect("paused", "server:online web<1>, logs:app a, metrics:cpu a, stream:heartbeat ")
	if got := r.text("log-fresh"); got != "3 new events ↓" {
		t.Errorf("the button says %q", got)
	}
	r.ask("open", id)
	if strings.Contains(first.words(), "on the wire") || r.page.said().Encode() != "" {
		t.Errorf("closed, it says %q", first.words())
	}
	r.ask("pause", "")
	expect("following again", "server:online web<1>, logs:app a, metrics:cpu a, stream:heartbeat , logs:app a, logs:app a, logs:app a")
	if class := r.d.root.find("log-fresh").attrs["class"]; !strings.Contains(class, "off") {
		t.Error("the button stays")
	}

	r.ask("type", "logs:app")
	expect("of one type", "logs:app a, logs:app a, logs:app a, logs:app a")
	r.ask("type", "server:online")
	expect("of two", "server:online web<1>, logs:app a, logs:app a, logs:app a, logs:app a")
	r.ask("type", "logs:app")
	r.ask("live-servers", "b*")
	expect("of no server", "")
	if r.text("live-empty") == "" {
		t.Error("nothing is said of there being none")
	}
	r.ask("live-servers", "web*")
	if r.text("live-wrong") != "" {
		t.Errorf("said %q", r.text("live-wrong"))
	}
	r.ask("live-types", "logs:*:x")
	if got := r.text("live-wrong"); !strings.Contains(got, `"logs:*:x"`) {
		t.Errorf("of what is no pattern is said %q", got)
	}
	r.ask("live-types", "")
	r.ask("live-servers", "")
	r.ask("log-find", "LATER")
	expect("with a text", "logs:app a")
	r.come("logs:app", "a", map[string]any{"message": "even later"})
	r.paint()
	expect("with a text", "logs:app a, logs:app a")
	if r.page.said().Encode() != "find=LATER" {
		t.Errorf("the address says %s", r.page.said().Encode())
	}
	r.page.enter("/")
	r.come("logs:app", "a", map[string]any{"message": "even later"})
	if n := len(r.m.Tape.Events()); n != 0 {
		t.Errorf("nobody looks, and %d events are taped", n)
	}
}

// At most so many rows are drawn while they are followed, all that are held once it is paused; what is on the page stays.
func TestLiveEventsAreBounded(t *testing.T) {
	r := watching(t)
	for i := range 3 * tapeRows {
		r.come("logs:app", "a", map[string]any{"message": fmt.Sprint("line ", i)})
	}
	r.paint()
	if n := len(r.taped()); n != tapeRows {
		t.Errorf("%d rows are drawn", n)
	}
	kept := r.d.root.find("tape-rows").kids[tapeRows-1]
	r.ask("pause", "")
	if rows := r.d.root.find("tape-rows").kids; len(rows) != 3*tapeRows+2 || rows[len(rows)-1] != kept {
		t.Errorf("paused, %d rows are drawn", len(rows))
	}
}

// An event that somebody else has sent the address of is read from the record where it is not held, and told when it is gone.
func TestLiveEventInTheAddress(t *testing.T) {
	place := event.ID{Epoch: 0x7f3a, Seq: 7_000}
	for _, there := range []bool{true, false} {
		r := watching(t)
		v := r.page.screen.(*liveEvents)
		v.visit(url.Values{"event": {place.String()}, "types": {"server"}}, r.now)
		r.paint()
		if want := (model.Wish{Event: true, Place: place}); len(r.asks) != 1 || r.asks[0] != want {
			t.Fatalf("asked %+v", r.asks)
		}
		r.paint()
		var list []event.Event
		if there {
			e := r.event("metrics:cpu", "far", noon.Add(-3600e9), map[string]any{"usage": 1})
			e.ID = place
			list = append(list, e)
		}
		r.m.ReadEvent(place, list)
		r.paint()
		r.paint()
		r.paint()
		if row := r.d.root.find("tape-rows").kids[0]; there != (strings.Contains(row.words(), place.String()) && strings.Contains(row.attrs["class"], "cur")) {
			t.Errorf("the first row says %q, class %q", row.words(), row.attrs["class"])
		}
		if got := strings.Contains(r.text("live-status"), "not in the record any more"); got == there || len(r.asks) != 1 {
			t.Errorf("said %q, asked %v", r.text("live-status"), r.asks)
		}
		if want := "event=7f3a.7000&types=server"; r.page.said().Encode() != want {
			t.Errorf("the address says %s", r.page.said().Encode())
		}
	}
}

func TestCommands(t *testing.T) {
	r := watching(t)
	v := r.page.screen.(*liveEvents)
	v.where = "https://tell.example"
	r.paint()
	if r.text("cmd-tail") != "telltale tail --url https://tell.example" || r.text("cmd-curl") != "curl -N https://tell.example/api/events" {
		t.Errorf("%s\n%s", r.text("cmd-tail"), r.text("cmd-curl"))
	}
	r.m.Me = &model.Me{User: "alice"}
	r.ask("live-types", "logs:*, server")
	r.ask("live-servers", "web-*")
	r.ask("log-find", "it's $HOME; `rm`")
	if got, want := r.text("cmd-tail"), `TELLTALE_TOKEN="$TOKEN" telltale tail --url https://tell.example --server 'web-*' --types 'logs:*,server:*' | grep --line-buffered -iF -e 'it'\''s $HOME; `+"`rm`'"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := r.text("cmd-curl"), `curl -N -H "Authorization: Bearer $TOKEN" 'https://tell.example/api/events?servers=web-%2A&types=logs%3A%2A%2Cserver%3A%2A' | grep --line-buffered -iF -e 'it'\''s $HOME; `+"`rm`'"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A shell reads a quoted word back as it is, whatever is in it.
func TestShellQuote(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell here")
	}
	for _, word := range []string{"", "plain-1.2", "two words", "it's", `"`, `\`, "$HOME", "`id`", "*", "a;b", "!x", "-n", "~", "#x", "<b>", "'''", "ü😀", "a\tb", "$(id)", "&", "|", "{a,b}", "[x]"} {
		out, err := exec.Command(sh, "-c", "printf %s "+"x"+shellQuote(word)).Output()
		if err != nil || string(out) != "x"+word {
			t.Errorf("%q is read as %q (%v)", word, out, err)
		}
	}
}

// The entries of the list stay while what is heard of them changes: the focus stays with them.
func TestTypesStayOnThePage(t *testing.T) {
	for _, path := range []string{livePath, "/events"} {
		r := watching(t)
		r.page, r.d = mounted(t, r, path)
		r.paint()
		entry := r.d.root.find("ty-metrics:cpu").up
		for range 12 {
			r.come("metrics:cpu", "a", map[string]any{"usage": 1})
			r.paint()
		}
		if r.d.root.find("ty-metrics:cpu").up != entry || !strings.HasSuffix(entry.words(), "cpu1.0") {
			t.Errorf("%s: the entry was drawn anew, or says %q", path, entry.words())
		}
		if path == livePath {
			for _, want := range []string{"true", "false"} {
				r.ask("type", "metrics:cpu")
				if r.d.root.find("ty-metrics:cpu").up != entry || entry.attrs["aria-pressed"] != want {
					t.Errorf("chosen, the entry was drawn anew, or is pressed: %s, want %s", entry.attrs["aria-pressed"], want)
				}
			}
		}
		r.come("new:thing", "a", nil)
		r.paint()
		if n := r.d.root.find("ty-new:thing"); n == nil {
			t.Errorf("%s: a new type is not in the list", path)
		}
	}
}
