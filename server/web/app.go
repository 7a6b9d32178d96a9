package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/klauspost/compress/gzhttp"
	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"github.com/mcp-cloud/telltale/public"
	"github.com/mcp-cloud/telltale/server/hub"
)

// webApp is go-app's handler with our own files, and with answers made fit for a page that changes by the second.
type webApp struct {
	files    *files
	handler  *app.Handler
	hub      *hub.Hub
	picture  *pictures
	manifest []byte
	me       func(*visit) me
}

func newApp(fsys fs.FS, version string, h *hub.Hub, heartbeat time.Duration, me func(*visit) me) (*webApp, error) {
	files, err := loadFiles(fsys)
	if err != nil {
		return nil, err
	}
	a := &webApp{files: files, hub: h, me: me, picture: &pictures{hub: h, version: version, heartbeat: heartbeat}, handler: &app.Handler{
		Name:        "Telltale",
		ShortName:   "Telltale",
		Title:       "Telltale",
		Description: "The state of a fleet of servers, live.",
		Author:      "Telltale",
		Lang:        "en",
		// The ground and the panels of the dark theme; boot.js sets the colour of the theme that is on.
		BackgroundColor: "#0b1214",
		ThemeColor:      "#10191c",
		LoadingLabel:    "Loading the app, {progress} %",
		Icon: app.Icon{
			Default: filesAt + "icon-192.png", Large: filesAt + "icon-512.png",
			Maskable: filesAt + "icon-maskable-512.png", SVG: filesAt + "icon.svg",
		},
		Styles:                  []string{filesAt + "telltale.css"},
		RawHeaders:              []string{`<script src="` + files.Resolve(filesAt+"boot.js") + `"></script>`},
		CacheableResources:      []string{filesAt + "boot.js"},
		Resources:               files,
		Version:                 version + "-" + files.version, // the build's own, so that only another build is an update
		WasmContentLengthHeader: headerRawLength,
		ServiceWorkerTemplate:   public.Worker,
	}}
	if a.manifest, err = manifestOf(a.handler, fsys, files); err != nil {
		return nil, err
	}
	return a, nil
}

// version names the build of what the browser runs.
func (a *webApp) version() string { return a.handler.Version }

// readyPatience is how long a page waits for the hub before it is drawn without a picture.
const readyPatience = 5 * time.Second

// page answers with a prerendered page. It shows the picture of this moment, so it is never stored and never a 304, which
// is what go-app would make of it: its ETag is the version.
func (a *webApp) page() handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		r = r.Clone(r.Context())
		r.Header.Del("If-None-Match")
		select { // a page in the first moment of a start shows what is there, not an empty fleet
		case <-a.hub.Ready():
		case <-time.After(readyPatience):
		case <-r.Context().Done():
			return errClientGone
		}
		r.URL.Host = r.Host // go-app's page does not know where it is asked for otherwise
		// For whom the page is, as GET /api/me answers; every "<" in it is written as \u003c.
		me, err := json.Marshal(a.me(visitOf(r)))
		if err != nil {
			return fmt.Errorf("web: page: %w", err)
		}
		var got taken
		a.draw(&got, r, me)
		if got.status == http.StatusNotFound {
			return a.notFound(w, r)
		}
		if got.status != http.StatusOK {
			return fmt.Errorf("web: go-app answered %d for page %s", got.status, r.URL.Path)
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		if v := visitOf(r); v.by != "" { // else who goes back after signing out sees it again
			h.Set("Cache-Control", "private, no-store")
		}
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Referrer-Policy", "same-origin") // with less, browsers send no Origin along with forms
		own := slices.Concat([]byte(`<script type="application/json" id="me">`), me, []byte("</script>"))
		head, rest, _ := bytes.Cut(got.body.Bytes(), []byte("</head>"))
		_, _ = w.Write(slices.Concat(head, own, []byte("</head>"), rest))
		return nil
	}
}

// zoneOf returns the time zone that the browser says it is in, else the server's own. See boot.js.
func zoneOf(r *http.Request) *time.Location {
	if c, err := r.Cookie("zone"); err == nil {
		if name, err := url.QueryUnescape(c.Value); err == nil {
			if zone, err := time.LoadLocation(name); err == nil {
				return zone
			}
		}
	}
	return time.Local
}

// taken is an answer that is kept in memory, to be looked at before it goes out.
type taken struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (t *taken) Header() http.Header {
	if t.header == nil {
		t.header = make(http.Header)
	}
	return t.header
}

func (t *taken) WriteHeader(status int) {
	if t.status == 0 {
		t.status = status
	}
}

func (t *taken) Write(b []byte) (int, error) {
	t.WriteHeader(http.StatusOK)
	return t.body.Write(b)
}

// shell answers with go-app's own files, which are the same for a whole version: browsers ask whether theirs is still good.
func (a *webApp) shell() handler {
	h := compressed(a.handler)
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Security-Policy", pagePolicy) // the service worker is held to its own
		h.ServeHTTP(w, r)
		return nil
	}
}

// file answers with one of our files by the name in the path.
func (a *webApp) file() handler {
	return func(w http.ResponseWriter, r *http.Request) error { return a.files.serve(w, r, mux.Vars(r)["name"]) }
}

// fixed answers with one file, whatever the path.
func (a *webApp) fixed(name string) handler {
	return func(w http.ResponseWriter, r *http.Request) error { return a.files.serve(w, r, name) }
}

// compressed compresses what is worth it. It holds answers back to see whether they are, so it is not for streams.
func compressed(next http.Handler) http.Handler { return compress(next) }

var compress = func() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.ContentTypeFilter(func(media string) bool {
		return compressible(media) || strings.HasPrefix(media, "application/") && (strings.Contains(media, "json") || strings.Contains(media, "javascript"))
	}))
	if err != nil { // the options are constants
		panic(err)
	}
	return wrap
}()
