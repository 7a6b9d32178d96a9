package ui

import (
	"net/url"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// Whatever an address asks for, the page is drawn whole; what the page then says of itself is what the same page says again when it is
// visited with it, which changes nothing.
func TestOddAddresses(t *testing.T) {
	odd := []string{
		"", " ", "0", "-1", "1e9", "NaN", "+Inf", "9223372036854775807", "-9223372036854775808", "-62135596800000", "\x00\xff", "(", "[a-", "(a{1000}){1000}", "*", "*:*,x", ",,,",
		`"><script>alert(1)</script>`, "' onclick=x", "@", "@-1", "@9223372036854775807", "7f3a.0", "7f3a.18446744073709551615", "ffffffffffffffff.1", "template:", "template:<b>",
		"1970-01-01T00:00:00Z", "1969-12-31T23:59:58Z", "0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z", "day", "table", "error,error,fatal", strings.Repeat("x", 10_000),
	}
	names := []string{"find", "state", "sort", "kind", "view", "server", "range", "show", "cross", "deployment", "regexp", "only", "hide", "line", "at", "types", "servers", "event"}
	for _, path := range []string{"/", deploymentsPath, logPath, livePath, "/servers/github-mcp", "/servers/%3Cb%3E"} {
		r := &remembered{clocked: &clocked{harbour(t), noon}}
		page, d := visited(t, r, path)
		v := page.screen.(addressed)
		for _, name := range names {
			for _, value := range odd {
				page.query = url.Values{name: {value}}
				v.visit(page.query, r.now)
				page.Paint(r.m, r.now)
				said := page.said()
				v.visit(said, r.now)
				if again := page.said(); again.Encode() != said.Encode() {
					t.Errorf("%s?%s=%.40q: it says %.80q, and visited with that %.80q", path, name, value, said.Encode(), again.Encode())
				}
			}
		}
		painted(t, r, page, d)
	}
}

// A crosshair that can be nowhere is none: one that stays could not be let go.
func TestCrosshairOfNoTime(t *testing.T) {
	for _, at := range []string{"1970-01-01T00:00:00Z", "0000-01-01T00:00:00+23:59"} {
		v := newServer("a")
		v.visit(url.Values{"cross": {at}}, noon)
		if v.charts.pinned || v.charts.cross != 0 {
			t.Errorf("%s: pinned %v at %d", at, v.charts.pinned, v.charts.cross)
		}
	}
}

// An answer about the past may be anything; the charts are drawn.
func TestOddHistories(t *testing.T) {
	many := strings.Repeat("1,", 5000) + "1"
	for _, body := range []string{
		"", "null", "[]", "{", "<!doctype html>", `{"from":0,"step":0}`, `{"from":0,"step":-5,"fields":{}}`, `{"step":null,"from":null}`,
		`{"from":9e30,"step":9e30,"complete":9e30,"fields":{"usage":{"min":[1],"mean":[1],"max":[1]}},"count":[1]}`,
		`{"from":-9e30,"step":1,"complete":-9e30,"fields":{"usage":{"min":[1,2],"mean":[1],"max":[1]}}}`,
		`{"from":1,"step":9007199254740993,"complete":null,"fields":{"usage":{"min":[` + many + `],"mean":[` + many + `],"max":[` + many + `]}},"count":[-1,0,null]}`,
		`{"from":1778582467000,"step":6000,"complete":1778582467000,"fields":{"usage":{"min":[null,1e300,5],"mean":[1,-1e300,null],"max":[null,null,null]},"used":{"mean":[],"min":[],"max":[]}},"count":[-1,-1,-1]}`,
	} {
		for _, address := range []string{"?range=hour", "?range=day&show=table", "?range=hour&deployment=d2&cross=2026-05-12T10%3A38%3A00Z"} {
			r := &clocked{harbour(t), noon}
			page, d := visited(t, r, "/servers/github-mcp"+address)
			asked := &remembered{clocked: r}
			painted(t, asked, page, d)
			for _, of := range page.screen.(*server).histories() {
				r.m.SetHistory(of, []byte(body), "", false, r.now)
			}
			painted(t, asked, page, d)
			if got := d.root.find("ch-note"); got == nil {
				t.Errorf("%.60s: the page is broken", body)
			}
			if n := len(page.screen.(*server).histories()); n == 0 || n > model.MaxHistories {
				t.Errorf("%d periods are wanted", n)
			}
		}
	}
}
