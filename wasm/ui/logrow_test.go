package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

var lineTime = time.Date(2026, 5, 12, 12, 39, 44, 390e6, time.UTC)

// drawn returns the row of a line.
func drawn(l model.Line, find string, open bool) string {
	if l.Time.IsZero() {
		l.Time = lineTime
	}
	l.Place = event.ID{Epoch: 1, Seq: 7}
	f, _ := finder(find, false)
	look := lineLook{now: lineTime, find: f}
	return string(appendRow(nil, row{at: l.Spot(), open: open}, &l, &look))
}

func TestRow(t *testing.T) {
	for _, c := range []struct {
		name string
		line model.Line
		find string
		want string
	}{
		{"plain", model.Line{Level: model.Info, Type: "logs:app", Message: "cache hit"}, "",
			`<div id="L1.7" class="r info" tabindex="-1"><time>12:39:44<span class="ms">.390</span></time><b>INFO</b><i>app</i><span>cache hit</span></div>`},
		{"log text is never markup", model.Line{Level: model.Warn, Type: "logs:<i>", Message: `<img src=x onerror="alert(1)">`}, "",
			`<div id="L1.7" class="r warn" tabindex="-1"><time>12:39:44<span class="ms">.390</span></time><b>WARN</b><i>&lt;i&gt;</i><span>&lt;img src=x onerror=&#34;alert(1)&#34;&gt;</span></div>`},
		{"found", model.Line{Level: model.Debug, Type: "logs:app", Message: "Token <token>"}, "token",
			`<div id="L1.7" class="r debug" tabindex="-1"><time>12:39:44<span class="ms">.390</span></time><b>DEBUG</b><i>app</i><span><mark>Token</mark> &lt;<mark>token</mark>&gt;</span></div>`},
		{"another day", model.Line{Time: lineTime.Add(-24 * time.Hour), Type: "logs:app"}, "",
			`<div id="L1.7" class="r info" tabindex="-1"><time>11 May 12:39</time><b>INFO</b><i>app</i><span></span></div>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := drawn(c.line, c.find, false)
			wellFormed(t, got)
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestOpenRow(t *testing.T) {
	l := model.Line{Level: model.Error, Type: "logs:error", Server: "web", Message: strings.Repeat("é", 40_000), Stack: "a()\nb(<x>)",
		Context: `{"user":"<u>", "n":1.5,"list":[1,{"a":"}"}],"q":"a\"b"}`}
	closed := drawn(l, "", false)
	text := wellFormed(t, closed)
	if len(closed) > 2*shortMessage || !strings.Contains(strings.ReplaceAll(text, nnbsp, " "), "77.3 KiB more") || strings.Contains(text, "b(<x>)") || !strings.Contains(closed, " more\"") {
		t.Errorf("closed: %d bytes, %.300s", len(closed), text)
	}
	open := drawn(l, "b(", true)
	text = wellFormed(t, open)
	for _, want := range []string{l.Message, "a()\nb(<x>)", "12 May 2026 12:39:44.390 UTC", "1.7", "web logs:error"} {
		if !strings.Contains(text, want) {
			t.Errorf("%.100q is not in the open row", want)
		}
	}
	for _, want := range []string{`<dt>user</dt><dd>&lt;u&gt;</dd>`, `<dt>n</dt><dd>1.5</dd>`, `<dt>list</dt><dd>[1,{&#34;a&#34;:&#34;}&#34;}]</dd>`, `<dt>q</dt><dd>a&#34;b</dd>`,
		`<mark>b(</mark>`, `data-do="copy-line" data-of="1.7"`, `class="r err open more"`} {
		if !strings.Contains(open, want) {
			t.Errorf("%s is not in the open row", want)
		}
	}
	for _, odd := range []string{`[1,2]`, `"text"`, `{`, `{"a"`, `{"a":`, `{]`, `{"a":1]`, `null`, `{}`, `{"a":1`} {
		wellFormed(t, drawn(model.Line{Type: "logs:app", Context: odd}, "", true))
	}
}

func FuzzContext(f *testing.F) {
	f.Add(`{"a":{"b":[1,"x"]},"c":"d"}`, "a")
	f.Add(`{"a`, "")
	f.Fuzz(func(t *testing.T, context, find string) {
		html := drawn(model.Line{Type: "logs:app", Message: context, Context: context}, find, true)
		_, html, _ = strings.Cut(html, `<dl>`)
		html, _, _ = strings.Cut(html, `</dl>`)
		rest := strings.NewReplacer("<mark>", "", "</mark>", "", "<dt>", "", "</dt>", "", "<dd>", "", "</dd>", "").Replace(html)
		if strings.ContainsAny(rest, `<>"'`) {
			t.Errorf("markup got through: %q", rest)
		}
	})
}

func TestGapRow(t *testing.T) {
	gap := func(g model.Gap) string {
		html := drawn(model.Line{Server: "a b", Gap: &g}, "", false)
		return html
	}
	from, to := event.ID{Epoch: 1, Seq: 3}, event.ID{Epoch: 1, Seq: 9}
	html := gap(model.Gap{Reason: "slow", Count: 1400, From: from, To: to})
	if got, want := strings.ReplaceAll(wellFormed(t, html), nnbsp, "_"), "1_400 lines skipped: this link was slower than the logRead them"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !strings.Contains(html, `data-do="read" data-of="1.3 1.9 a b"`) || !strings.Contains(html, `id="G1.7"`) {
		t.Errorf("got %s", html)
	}
	if got, want := wellFormed(t, gap(model.Gap{Reason: "picture", From: from, To: to})), "Lines skipped: the connection was lost and began again with a picture of the momentRead them"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := wellFormed(t, gap(model.Gap{Reason: model.GapTrimmed, Count: 1, From: from, To: to})); got != "1 line gone: retention took it" {
		t.Errorf("got %q", got)
	}
	if got := wellFormed(t, gap(model.Gap{Reason: model.GapUnread, From: from, To: to})); !strings.HasSuffix(got, "Read them") {
		t.Errorf("got %q", got)
	}
}

func FuzzFound(f *testing.F) {
	f.Add("a <token> b", "TOKEN")
	f.Add("aaa", "aa")
	f.Fuzz(func(t *testing.T, s, find string) {
		if strings.ContainsAny(s, "\x01\x02") { // which no held text has
			return
		}
		words, wrong := finder(find, false)
		if wrong != "" {
			return
		}
		html := string(appendFound(nil, s, words))
		if rest := strings.NewReplacer("<mark>", "", "</mark>", "").Replace(html); strings.ContainsAny(rest, `<>"'`) {
			t.Errorf("markup got through: %q", html)
		}
		if strings.Count(html, "<mark>") != strings.Count(html, "</mark>") {
			t.Errorf("marks are not closed: %q", html)
		}
	})
}
