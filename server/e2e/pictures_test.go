//go:build pictures

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/png"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// maxPicture is the most one picture may add to the repository.
const maxPicture = 200 << 10

// TestPictures takes the pictures of the README, of a running server and the fleet of fleet_pictures_test.go, whose publisher is this test;
// each at the size of the drawing it is to be laid beside. `make screenshots` runs it.
func TestPictures(t *testing.T) {
	dir := os.Getenv("TELLTALE_PICTURES")
	if dir == "" {
		t.Fatal("TELLTALE_PICTURES does not say where to put the pictures: `make screenshots` does")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--no-host", "--name", "harbour-prod", "--throttle", "0", "--state-age", "30d")
	begin := time.Now()
	for _, m := range harbour {
		s.publish(m.id, m.story(begin))
	}
	for _, some := range past(begin) {
		if status, answer := s.post("/api/events", some); status != http.StatusAccepted {
			t.Fatal(status, answer)
		}
	}
	b := open(t)
	b.visit(s.url + "/")
	b.live()
	// A connection that was never away has nothing to tell.
	s.kill()
	s.start()
	b.live()
	ctx, cancel := context.WithCancel(t.Context())
	var publishing sync.WaitGroup
	publishing.Go(func() { tellOn(ctx, s) })
	defer publishing.Wait()
	defer cancel()
	// Until what was told at once no longer counts as events a second.
	own := s.follow("/api/servers/github-mcp/events?types=metrics:cpu", "")
	for range 8 {
		own.want("a sample", func(e event) bool { return e.Event == "metrics:cpu" })
	}

	for _, shot := range []struct {
		name, at, do, scheme string
		width, height        int64
		scale                float64
	}{
		{"fleet-dark", "/", "", "dark", 1440, 900, 1},
		{"fleet-light", "/", "", "light", 1440, 900, 1},
		{"fleet-table", "/?view=table", "", "dark", 1440, 900, 1},
		{"fleet-phone", "/", "", "dark", 390, 844, 2},
		// Those of the manifest: see server/web/manifest.go.
		{"../public/screenshot-wide", "/", "", "dark", 1280, 800, 1},
		{"../public/screenshot-narrow", "/", "", "dark", 390, 844, 1},
		{"server-phone", "/servers/github-mcp", "", "dark", 390, 844, 2},
		{"server-dark", "/servers/github-mcp?find=token&hide=debug", "", "dark", 1440, 900, 1},
		{"server-light", "/servers/postgres-mcp?find=database&hide=debug", "", "light", 1440, 900, 1},
		{"deployments", "/deployments", "", "dark", 1440, 900, 1},
		{"catalogue", "/events/metrics:network", "", "light", 1440, 900, 1},
		{"continuity", "/", `document.getElementById("pill").click()`, "dark", 1440, 900, 1},
	} {
		call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: shot.width, Height: shot.height, DeviceScaleFactor: shot.scale, Mobile: shot.width < 800})
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: shot.scheme}}})
		// Within the app, so that the page keeps what it has seen.
		eval[any](b, `{ const a = document.createElement("a"); a.href = `+quote(shot.at)+`; document.getElementById("app").append(a); a.click(); a.remove() }; null`)
		b.wait("the page", `location.pathname + location.search === `+quote(shot.at))
		b.live()
		if shot.do != "" {
			eval[any](b, shot.do+"; null")
		}
		eval[bool](b, settled)
		taken, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		small := shrink(t, taken)
		if len(small) > maxPicture {
			t.Errorf("%s is %d bytes, more than %d", shot.name, len(small), maxPicture)
		}
		if err := os.WriteFile(filepath.Join(dir, shot.name+".png"), small, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s.png: %d KB", shot.name, len(small)>>10)
	}
}

// settled waits until nothing has faded for ten frames, a second after the page was asked for: a change of scheme passes down the page in
// fades, and the last minutes come from the record.
const settled = `new Promise(done => {
  let still = 0;
  const fading = () => document.getAnimations().some(a => a instanceof CSSTransition && a.playState === "running");
  const rest = () => { still = fading() ? 0 : still + 1; still < 10 ? requestAnimationFrame(rest) : done(true) };
  setTimeout(rest, 2500);
})`

// shrink writes a picture of flat colours with a palette, as small as PNG makes it.
func shrink(t *testing.T, b []byte) []byte {
	t.Helper()
	src, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[color.RGBA]int)
	bounds := src.Bounds()
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(src.At(x, y)).(color.RGBA) }
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[at(x, y)]++
		}
	}
	small := image.NewPaletted(bounds, palette(count, 256))
	index := make(map[color.RGBA]uint8)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := at(x, y)
			i, ok := index[c]
			if !ok {
				i = uint8(small.Palette.Index(c))
				index[c] = i
			}
			small.SetColorIndex(x, y, i)
		}
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// palette returns n colours that stand for all: again and again the one that most would be missed of, by how often it is there and how far
// from those chosen. The commonest alone would leave out a small word in a colour of its own.
func palette(count map[color.RGBA]int, n int) color.Palette {
	all := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return cmp.Compare(count[b], count[a]) })
	missed := make([]float64, len(all))
	for i := range missed {
		missed[i] = math.Inf(1)
	}
	var p color.Palette
	for next := 0; len(p) < n && missed[next] > 0; {
		c := all[next]
		p = append(p, c)
		next = 0
		for i, o := range all {
			r, g, b := float64(c.R)-float64(o.R), float64(c.G)-float64(o.G), float64(c.B)-float64(o.B)
			missed[i] = min(missed[i], (r*r+g*g+b*b)*float64(count[o]))
			if missed[i] > missed[next] {
				next = i
			}
		}
	}
	return p
}
