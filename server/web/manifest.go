package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"github.com/mcp-cloud/telltale/public"
)

// manifest says what the app is to a browser that installs it. go-app's own has no screenshots, no shortcuts, and no id that stays
// when the start page moves.
type manifest struct {
	ID              string     `json:"id"`
	Name            string     `json:"name"`
	ShortName       string     `json:"short_name"`
	Description     string     `json:"description"`
	Lang            string     `json:"lang"`
	Scope           string     `json:"scope"`
	StartURL        string     `json:"start_url"`
	Display         string     `json:"display"`
	BackgroundColor string     `json:"background_color"`
	ThemeColor      string     `json:"theme_color"`
	Categories      []string   `json:"categories"`
	Icons           []picked   `json:"icons,omitempty"`
	Screenshots     []picked   `json:"screenshots,omitempty"`
	Shortcuts       []shortcut `json:"shortcuts"`
}

// picked is a picture of the manifest.
type picked struct {
	Src        string `json:"src"`
	Type       string `json:"type"`
	Sizes      string `json:"sizes"`
	Purpose    string `json:"purpose,omitempty"`
	FormFactor string `json:"form_factor,omitempty"`
	Label      string `json:"label,omitempty"`
}

type shortcut struct {
	Name  string   `json:"name"`
	URL   string   `json:"url"`
	Icons []picked `json:"icons,omitempty"`
}

// Screenshots, as `make screenshots` takes them: what a store or an install dialog shows of the app before it is installed.
var screenshots = [...]picked{
	{Src: public.ScreenshotWide, FormFactor: "wide", Label: "The fleet: trouble first, each server with its newest measures"},
	{Src: public.ScreenshotNarrow, FormFactor: "narrow", Label: "The fleet on a phone"},
}

// manifestOf returns the manifest of an app: its pictures are those that are among the files, in the size they have there.
func manifestOf(h *app.Handler, fsys fs.FS, files *files) ([]byte, error) {
	m := manifest{
		ID: "/", Name: h.Name, ShortName: h.ShortName, Description: h.Description, Lang: h.Lang, Scope: "/", StartURL: "/",
		Display: "standalone", BackgroundColor: h.BackgroundColor, ThemeColor: h.ThemeColor, Categories: []string{"utilities", "productivity"},
	}
	// of fills in what a file says of itself; false where there is none, as in a program that was built without.
	of := func(p picked) (picked, bool) {
		f := files.byName[p.Src]
		if f == nil {
			return p, false
		}
		p.Sizes = "any"
		if f.media == "image/png" {
			b, err := fs.ReadFile(fsys, p.Src)
			if err != nil {
				return p, false
			}
			size, err := png.DecodeConfig(bytes.NewReader(b))
			if err != nil {
				return p, false
			}
			p.Sizes = strconv.Itoa(size.Width) + "x" + strconv.Itoa(size.Height)
		}
		p.Src, p.Type = files.Resolve(filesAt+p.Src), f.media
		return p, true
	}
	for _, icon := range [...]picked{
		{Src: "icon.svg"}, {Src: "icon-192.png"}, {Src: "icon-512.png"}, {Src: "icon-maskable-512.png", Purpose: "maskable"},
	} {
		if p, ok := of(icon); ok {
			m.Icons = append(m.Icons, p)
		}
	}
	for _, shot := range screenshots {
		if p, ok := of(shot); ok {
			m.Screenshots = append(m.Screenshots, p)
		}
	}
	for _, s := range [...]shortcut{{Name: "Fleet", URL: "/"}, {Name: "Deployments", URL: "/deployments"}, {Name: "Log", URL: "/log"}, {Name: "Events", URL: "/events"}} {
		if p, ok := of(picked{Src: "icon-192.png"}); ok {
			s.Icons = []picked{p}
		}
		m.Shortcuts = append(m.Shortcuts, s)
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("web: manifest: %w", err)
	}
	return b, nil
}

// serveManifest answers with it.
func (a *webApp) serveManifest() handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		h := w.Header()
		h.Set("Content-Type", "application/manifest+json")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", `"`+a.version()+`"`)
		compressed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(bytes.NewReader(a.manifest), 0, int64(len(a.manifest))))
		})).ServeHTTP(w, r)
		return nil
	}
}
