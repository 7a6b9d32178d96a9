package web_test

import (
	"encoding/json"
	"image/png"
	"strconv"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/public"
	"github.com/mcp-cloud/telltale/server/web"
)

// maxShots is the most that the screenshots may weigh together: whoever is asked whether to install the app loads them.
const maxShots = 150 << 10

// What the manifest names is there, of the type and the size that it says.
func TestManifest(t *testing.T) {
	s := open(t, func(c *web.Config) { c.Files = public.Files })
	a := s.do(t, "GET", "/manifest.webmanifest", "")
	if a.header.Get("Content-Type") != "application/manifest+json" {
		t.Errorf("served as %q", a.header.Get("Content-Type"))
	}
	if again := s.do(t, "GET", "/manifest.webmanifest", "", "If-None-Match", a.header.Get("ETag")); again.status != 304 {
		t.Errorf("asked whether it is still good: got %d, want 304", again.status)
	}
	type picture struct {
		Src, Type, Sizes, Purpose, Label string
		FormFactor                       string `json:"form_factor"`
	}
	var m struct {
		ID, Name, Scope, Display string
		StartURL                 string `json:"start_url"`
		Categories               []string
		Icons, Screenshots       []picture
		Shortcuts                []struct {
			Name, URL string
			Icons     []picture
		}
	}
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	if m.ID != "/" || m.Name != "Telltale" || m.Scope != "/" || m.StartURL != "/" || m.Display != "standalone" || len(m.Categories) == 0 {
		t.Errorf("got %+v", m)
	}
	look := func(p picture) (width, height, size int) {
		t.Helper()
		got := s.do(t, "GET", p.Src, "")
		if got.status != 200 || got.header.Get("Content-Type") != p.Type || !strings.Contains(p.Src, "?v=") {
			t.Fatalf("%s: got %d %q, want %s under a name that holds its hash", p.Src, got.status, got.header.Get("Content-Type"), p.Type)
		}
		if p.Type == "image/svg+xml" {
			if p.Sizes != "any" {
				t.Errorf("%s: a drawing has sizes %q", p.Src, p.Sizes)
			}
			return 0, 0, len(got.body)
		}
		c, err := png.DecodeConfig(strings.NewReader(got.body))
		if err != nil {
			t.Fatalf("%s: %v", p.Src, err)
		}
		if is := strconv.Itoa(c.Width) + "x" + strconv.Itoa(c.Height); is != p.Sizes {
			t.Errorf("%s is %s, the manifest says %s", p.Src, is, p.Sizes)
		}
		return c.Width, c.Height, len(got.body)
	}
	// What Chromium wants of an app before it offers to install it, and of screenshots before it shows them.
	var large, masked bool
	for _, icon := range m.Icons {
		w, _, _ := look(icon)
		large = large || w >= 512 && icon.Purpose == ""
		masked = masked || icon.Purpose == "maskable"
	}
	if !large || !masked {
		t.Errorf("icons %+v, want one of 512 and one to be masked", m.Icons)
	}
	factors, sum := map[string]bool{}, 0
	for _, shot := range m.Screenshots {
		w, h, size := look(shot)
		sum += size
		factors[shot.FormFactor] = true
		if min(w, h) < 320 || max(w, h) > 3840 || float64(max(w, h)) > 2.3*float64(min(w, h)) || shot.Label == "" {
			t.Errorf("%s: %d by %d, %q, is none that a browser shows", shot.Src, w, h, shot.Label)
		}
		if (w > h) != (shot.FormFactor == "wide") {
			t.Errorf("%s: %d by %d is not %s", shot.Src, w, h, shot.FormFactor)
		}
	}
	if !factors["wide"] || !factors["narrow"] || sum > maxShots {
		t.Errorf("screenshots %v of %d bytes, want a wide and a narrow one of %d at most", factors, sum, maxShots)
	}
	names := ""
	for _, cut := range m.Shortcuts {
		names += cut.Name + " "
		if got := s.do(t, "GET", cut.URL, ""); got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
			t.Errorf("the shortcut %s leads to %d", cut.Name, got.status)
		}
		for _, icon := range cut.Icons {
			if w, _, _ := look(icon); w < 96 {
				t.Errorf("the icon of %s is %d wide", cut.Name, w)
			}
		}
	}
	if names != "Fleet Deployments Log Events " {
		t.Errorf("shortcuts %q", names)
	}
}
