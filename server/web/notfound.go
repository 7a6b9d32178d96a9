package web

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strings"
)

// notFoundPage is plain HTML in the look of the sign-in page.
//
//go:embed notfound.html
var notFoundText string

var notFoundPage = template.Must(template.New("notfound").Parse(notFoundText))

// notFound answers where there is nothing: a browser that would show a page gets one with the way home, everybody else the problem. What
// is below /api/ is for programs, whatever they say they accept.
func (a *webApp) notFound(w http.ResponseWriter, r *http.Request) error {
	const problemJSON, html = "application/problem+json", "text/html"
	err := fail(http.StatusNotFound, "There is nothing at %.200q. The events are at /api/events, the app at /.", r.URL.Path)
	if strings.HasPrefix(r.URL.Path, "/api/") || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return err
	}
	w.Header().Add("Vary", "Accept")
	if negotiate(r.Header.Values("Accept"), problemJSON, html) != html {
		return err
	}
	at := func(name string) string { return a.files.Resolve(filesAt + name) }
	var b bytes.Buffer
	if err := notFoundPage.Execute(&b, struct{ Path, Style, Own, Boot, Icon string }{
		cut(r.URL.Path, 200), at("telltale.css"), at("signin.css"), at("boot.js"), at("icon.svg"),
	}); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", signInPolicy)
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write(b.Bytes())
	return nil
}
