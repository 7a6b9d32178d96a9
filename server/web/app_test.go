package web_test

import (
	"compress/gzip"
	"io"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mcp-cloud/telltale/server/web"
)

func TestFiles(t *testing.T) {
	s := open(t, nil)
	wasm := regexp.MustCompile(`/web/app\.wasm\?v=[0-9a-f]+`).FindString(s.do(t, "GET", "/app.js", "").body)
	if wasm == "" {
		t.Fatal("app.js does not name a version of app.wasm")
	}
	raw := strconv.Itoa(len(someFiles["app.wasm"].Data))
	const forever, ask = "public, max-age=31536000, immutable", "no-cache"
	for _, row := range []struct {
		name, path, encodings string
		coding, body, cache   string
	}{
		{"brotli first", wasm, "gzip, deflate, br, zstd", "br", "brotli twin", forever},
		{"gzip", wasm, "gzip", "gzip", "gzip twin", forever},
		{"brotli refused", wasm, "br;q=0, gzip;q=0.5", "gzip", "gzip twin", forever},
		{"anything", wasm, "*", "br", "brotli twin", forever},
		{"as it is", wasm, "", "", "\x00asm raw ", forever},
		{"no version", "/web/app.wasm", "br", "br", "brotli twin", ask},
		{"another version", "/web/app.wasm?v=0123", "br", "br", "brotli twin", ask},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := s.do(t, "GET", row.path, "", "Accept-Encoding", row.encodings)
			if a.status != 200 || a.header.Get("Content-Encoding") != row.coding || !strings.HasPrefix(a.body, row.body) {
				t.Errorf("got %d %q %.20q, want %q %q", a.status, a.header.Get("Content-Encoding"), a.body, row.coding, row.body)
			}
			if got := a.header.Get("Cache-Control"); got != row.cache {
				t.Errorf("Cache-Control: got %q, want %q", got, row.cache)
			}
			if a.header.Get("X-Raw-Length") != raw || a.header.Get("Content-Length") != strconv.Itoa(len(a.body)) || a.header.Get("Content-Type") != "application/wasm" {
				t.Errorf("got headers %v, want the raw length %s, the length of what came, and Wasm", a.header, raw)
			}
			again := s.do(t, "GET", row.path, "", "Accept-Encoding", row.encodings, "If-None-Match", a.header.Get("ETag"))
			if again.status != 304 || again.body != "" {
				t.Errorf("asked whether it is still good: got %d %q, want 304", again.status, again.body)
			}
		})
	}
	if a := s.do(t, "GET", wasm, "", "Accept-Encoding", "br"); s.do(t, "GET", wasm, "", "If-None-Match", a.header.Get("ETag")).status != 200 {
		t.Error("one encoding's ETag is good for another's content")
	}
	css := s.do(t, "GET", "/web/telltale.css", "", "Accept-Encoding", "gzip")
	zr, err := gzip.NewReader(strings.NewReader(css.body))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(zr); err != nil || string(b) != string(someFiles["telltale.css"].Data) {
		t.Errorf("the stylesheet unfolds to %d bytes, %v", len(b), err)
	}
}

func TestProgramWithoutApp(t *testing.T) {
	some := maps.Clone(someFiles)
	maps.DeleteFunc(some, func(name string, _ *fstest.MapFile) bool { return strings.HasPrefix(name, "app.wasm") })
	s := open(t, func(c *web.Config) { c.Files = some })
	if a := s.do(t, "GET", "/web/app.wasm", ""); a.status != 404 || !strings.Contains(a.body, "make build") {
		t.Errorf("got %d %s, want a 404 that says what to do", a.status, a.body)
	}
}

// Another stylesheet is another version of the app; the same files are the same.
func TestVersionNamesTheBuild(t *testing.T) {
	version := func(files fstest.MapFS) string {
		s := open(t, func(c *web.Config) { c.Files = files })
		return field(t, s.do(t, "GET", "/api/version", "").body, "app")
	}
	other := maps.Clone(someFiles)
	other["telltale.css"] = &fstest.MapFile{Data: []byte("body {}")}
	a, b, c := version(someFiles), version(someFiles), version(other)
	if a != b || a == c || !strings.HasPrefix(a, "v-test") {
		t.Errorf("got %q and %q for the same files, %q for others", a, b, c)
	}
}

// A page carries the present picture, drawn and as text, and is never taken from a cache.
func TestPage(t *testing.T) {
	s := open(t, nil)
	id := s.publish(t, "/api/events", `[{"serverId":"web-<1>","type":"server:online","data":{"version":"2.8.0"}},
		{"serverId":"web-<1>","type":"logs:app","data":{"level":"info","message":"</script><script>alert(1)</script><!--"}}]`)[1]
	etag := s.do(t, "GET", "/app.js", "").header.Get("ETag")
	for _, path := range []string{"/", "/events", "/servers/web-%3C1%3E", "/servers/unheard-of", "/events/logs:app", "/?x=1",
		"/servers/%22%3E%3Cimg%20src=x%3E", "/events/%22%3E%3Cimg%20src=x%3E", "/?find=%22%3E%3Cimg%20src=x%3E&kind=template:%22%3E%3Cimg%20src=x%3E"} {
		t.Run(path, func(t *testing.T) {
			a := s.do(t, "GET", path, "", "If-None-Match", etag)
			if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || a.header.Get("Cache-Control") != "no-cache" || a.header.Get("ETag") != "" {
				t.Fatalf("got %d %v, want a page that is asked for each time", a.status, a.header)
			}
			_, text, ok := strings.Cut(a.body, `<script type="text/event-stream" id="picture">`)
			text, _, _ = strings.Cut(text, "</script>")
			if !ok || !strings.Contains(text, `event: stream:sync`) || !strings.Contains(text, "id: "+id+"\nevent: stream:heartbeat") || strings.Contains(text, "<") {
				t.Errorf("got picture %q, want a whole one up to %s without any <", text, id)
			}
			if strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, `"><img`) {
				t.Error("what somebody published, or wrote into an address, is markup")
			}
			for _, want := range []string{"/web/telltale.css?v=", "/web/boot.js?v=", "/web/icon.svg?v=", "/app.js"} {
				if !strings.Contains(a.body, want) {
					t.Errorf("the page lacks %s", want)
				}
			}
			if strings.Contains(a.body, "githubusercontent") {
				t.Error("the page loads from elsewhere")
			}
			if !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'self'") {
				t.Error("the page has no policy")
			}
		})
	}
	if a := s.do(t, "GET", "/", ""); !strings.Contains(a.body, "web-&lt;1&gt;") || !strings.Contains(a.body, "2.8.0") {
		t.Error("the page does not show the server and its version")
	}
	if a := s.do(t, "GET", "/", "", "Accept-Encoding", "gzip"); a.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("the page comes as %q, want gzip", a.header.Get("Content-Encoding"))
	}
	if a := s.do(t, "GET", "/app.js", "", "If-None-Match", etag); a.status != 304 {
		t.Errorf("app.js asked again: got %d, want 304", a.status)
	}
}
