//go:build compare

package main

import (
	"context"
	_ "embed"
	"encoding/json"
)

type rawJSON = json.RawMessage

// page is one of the two that are compared.
type page interface {
	name() string
	// open shows the page in a tab, and returns when it is live.
	open(ctx context.Context, t *tab, url string) error
	// line and cpu are JavaScript for the elements that show the newest line, and the newest measure of CPU.
	line() string
	cpu() string
	// inFrame says that the page changes what it shows in animation frames and never between.
	inFrame() bool
	// thinned is JavaScript for how many events the server says it left out for this reader.
	thinned() string
}

type telltale struct{}

func (telltale) name() string { return "telltale" }

func (telltale) open(ctx context.Context, t *tab, url string) error {
	if err := t.call(ctx, "Page.navigate", map[string]any{"url": url + "/servers/" + serverID}, nil); err != nil {
		return err
	}
	return t.wait(ctx, "the page to be live", `document.getElementById("pill-in").textContent.startsWith("Live")`)
}

func (telltale) line() string  { return `document.getElementById("log-rows")?.lastElementChild` }
func (telltale) cpu() string   { return `document.getElementById("ch0-now")` }
func (telltale) inFrame() bool { return true }
func (telltale) thinned() string {
	return `Number(document.querySelector("#thread .skips")?.textContent.replace(/\D/g, "") ?? 0)`
}

type react struct{ bundle string }

//go:embed monitor.css
var css string

func (react) name() string { return "react" }

// open puts the page together at the server's own origin, as if it were served there.
func (p react) open(ctx context.Context, t *tab, url string) error {
	if err := t.call(ctx, "Page.navigate", map[string]any{"url": url + "/robots.txt"}, nil); err != nil {
		return err
	}
	if err := t.wait(ctx, "the origin", `location.origin === "`+url+`" && document.readyState === "complete"`); err != nil {
		return err
	}
	html, err := json.Marshal(`<meta charset="utf-8"><title>Monitor</title><style>` + css + `</style><div id="root"></div>`)
	if err != nil {
		return err
	}
	// As written it would be a page of the past: text, and shown in a pre.
	if err := t.eval(ctx, `document.open(), document.write(`+`"<!doctype html>" + `+string(html)+`), document.close(), window.serverId = "`+serverID+`", null`, nil); err != nil {
		return err
	}
	if err := t.eval(ctx, p.bundle+";null", nil); err != nil {
		return err
	}
	return t.wait(ctx, "the page to be live", `document.getElementById("link").textContent === "live"`)
}

func (react) line() string    { return `document.getElementById("lines").firstElementChild` }
func (react) cpu() string     { return `document.getElementById("now-cpu")` }
func (react) inFrame() bool   { return false }
func (react) thinned() string { return `seen.skipped` }
