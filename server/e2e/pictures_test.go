//go:build pictures

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// maxPicture is the most one picture may add to the repository.
const maxPicture = 200 << 10

// TestPictures takes the pictures of the README: a running server, this machine as one of its servers, and three others
// whose publisher is this test. `make screenshots` runs it.
func TestPictures(t *testing.T) {
	dir := os.Getenv("TELLTALE_PICTURES")
	if dir == "" {
		t.Fatal("TELLTALE_PICTURES does not say where to put the pictures: `make screenshots` does")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--server-id", "this-machine")
	b := open(t)
	b.visit(s.url + "/")
	b.live()
	for _, m := range members {
		s.publish(m.id, m.story)
		s.publish(m.id, m.past(time.Now()))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var publishing sync.WaitGroup
	publishing.Go(func() { tellOn(ctx, s) })
	defer publishing.Wait()
	defer cancel()
	// Until this machine too has something to show, and what was told at once no longer counts as events a second.
	own := s.follow("/api/servers/this-machine/events?types=metrics:cpu", "")
	for range 20 {
		own.want("a sample", func(e event) bool { return e.Event == "metrics:cpu" })
	}

	for _, shot := range []struct {
		name, click, scheme string
		width, height       int64
		scale               float64
		mobile              bool
	}{
		{"fleet-dark", `a[href="/"]`, "dark", 1280, 600, 1, false},
		{"fleet-light", `a[href="/"]`, "light", 1280, 600, 1, false},
		{"fleet-phone", `a[href="/"]`, "dark", 390, 844, 2, true},
		{"server-phone", `a[href="/servers/web-1"]`, "dark", 390, 844, 2, true},
		{"server-dark", `a[href="/servers/web-1"]`, "dark", 1280, 860, 1, false},
		{"server-light", `a[href="/servers/web-1"]`, "light", 1280, 860, 1, false},
	} {
		call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: shot.width, Height: shot.height, DeviceScaleFactor: shot.scale, Mobile: shot.mobile})
		call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: shot.scheme}}})
		// Within the app, so that the page keeps what it has seen.
		eval[any](b, `document.querySelector(`+quote(shot.click)+`)?.click(); null`)
		b.wait("the page", `document.querySelector(".card .q, #ch0-now")`)
		eval[bool](b, settled)
		b.live()
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
	b.quiet()
}

// settled waits for the next measure on the page, and then until nothing has faded for ten frames: a change of scheme
// passes down the page in fades.
const settled = `new Promise(done => {
  const now = () => [...document.querySelectorAll(".card .q, #ch0-now")].map(e => e.textContent).join(), before = now();
  let still = 0;
  const fading = () => document.getAnimations().some(a => a instanceof CSSTransition && a.playState === "running");
  const rest = () => { still = fading() ? 0 : still + 1; still < 10 ? requestAnimationFrame(rest) : done(true) };
  const look = () => now() !== before ? rest() : setTimeout(look, 50);
  look();
})`

// A member is one server of the pictures: what it has to tell once, and what it measures.
type member struct {
	id, story     string
	cores         int
	cpu, mem, net float64 // percent, percent, bytes per second: about
	requests      float64 // a second
	memory        float64 // bytes in all
	until         time.Duration
}

var members = []member{
	{id: "web-1", cores: 8, cpu: 42, mem: 61, net: 1.4e6, requests: 210, memory: 8 << 30, story: `[
		{"type":"server:online","data":{"url":"http://10.0.4.11:8080","version":"2.7.1"}},
		{"type":"deployment:started","timestamp":"` + ago(128*time.Minute) + `","data":{"id":"d-201","version":"2.7.1","templateId":"go-web"}},
		{"type":"deployment:completed","timestamp":"` + ago(126*time.Minute) + `","data":{"id":"d-201","version":"2.7.1","durationMs":118000}},
		{"type":"deployment:started","timestamp":"` + ago(8*time.Minute) + `","data":{"id":"d-202","version":"2.7.2","templateId":"go-web"}},
		{"type":"deployment:failed","timestamp":"` + ago(7*time.Minute) + `","data":{"id":"d-202","stage":"building","error":"go vet: 2 problems in billing/invoice.go"}},
		{"type":"deployment:started","timestamp":"` + ago(3*time.Minute) + `","data":{"id":"d-204","version":"2.8.0","templateId":"go-web"}},
		{"type":"deployment:building","data":{"id":"d-204","progress":64,"stage":"compile, 412 of 640 packages"}},
		{"type":"logs:request","timestamp":"` + ago(48*time.Second) + `","data":{"level":"info","method":"GET","path":"/api/invoices/2041","statusCode":200,"responseTime":38}},
		{"type":"logs:app","timestamp":"` + ago(41*time.Second) + `","data":{"level":"info","message":"cache warmed: 12,480 keys in 1.3 s"}},
		{"type":"logs:request","timestamp":"` + ago(36*time.Second) + `","data":{"level":"info","method":"POST","path":"/api/orders","statusCode":201,"responseTime":112}},
		{"type":"logs:app","timestamp":"` + ago(29*time.Second) + `","data":{"level":"warn","message":"slow query, 840 ms: SELECT … FROM orders WHERE customer = $1","context":{"rows":1204}}},
		{"type":"logs:request","timestamp":"` + ago(21*time.Second) + `","data":{"level":"info","method":"GET","path":"/api/orders?page=3","statusCode":200,"responseTime":64}},
		{"type":"logs:error","timestamp":"` + ago(14*time.Second) + `","data":{"level":"error","message":"payment gateway answered 503, will retry in 2 s","stack":"charge(order=88213)\n  at pay.go:118"}},
		{"type":"logs:app","timestamp":"` + ago(11*time.Second) + `","data":{"level":"info","message":"payment gateway is back, 3 charges retried"}}
	]`},
	{id: "ingest-2", cores: 4, cpu: 55, mem: 82, net: 8e5, memory: 4 << 30, until: 4 * time.Minute, story: `[
		{"type":"logs:app","timestamp":"` + ago(5*time.Minute) + `","data":{"level":"info","message":"batch 1,206 of 4,000 written"}},
		{"type":"logs:app","timestamp":"` + ago(250*time.Second) + `","data":{"level":"warn","message":"heap is 3.6 of 4.0 GiB, collecting"}},
		{"type":"server:offline","timestamp":"` + ago(4*time.Minute) + `","data":{"reason":"killed by the kernel: out of memory"}}
	]`},
	{id: "search-1", cores: 4, cpu: 88, mem: 71, net: 4.2e5, memory: 16 << 30, story: `[
		{"type":"server:busy","data":{"connectionCount":148,"load":93}},
		{"type":"logs:app","data":{"level":"warn","message":"query took 1.9 s: index segment not in memory"}}
	]`},
	{id: "billing-1", cores: 2, cpu: 17, mem: 38, net: 9e4, memory: 4 << 30, until: 70 * time.Second, story: `[
		{"type":"logs:app","timestamp":"` + ago(95*time.Second) + `","data":{"level":"info","message":"nightly run: 4,112 invoices to send"}},
		{"type":"logs:app","timestamp":"` + ago(78*time.Second) + `","data":{"level":"warn","message":"database connection lost, trying again"}},
		{"type":"logs:error","timestamp":"` + ago(72*time.Second) + `","data":{"level":"error","message":"connect: connection refused 10.0.4.20:5432"}},
		{"type":"logs:error","timestamp":"` + ago(70*time.Second) + `","data":{"level":"error","message":"giving up after 5 tries"}},
		{"type":"server:error","timestamp":"` + ago(70*time.Second) + `","data":{"errorCode":"EXIT_1","message":"Exited with status 1","critical":true}}
	]`},
}

func ago(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339Nano) }

// past is ten minutes of measures, one of each kind every two seconds, up to now or when the member ended.
func (m member) past(now time.Time) string {
	var all []string
	for at := now.Add(-10 * time.Minute); at.Before(now.Add(-m.until)); at = at.Add(2 * time.Second) {
		all = append(all, m.measures(at)...)
	}
	return "[" + strings.Join(all, ",") + "]"
}

// measures is what the member measures at a time: slow waves, quick ones on top, no two members alike.
func (m member) measures(at time.Time) []string {
	x := float64(at.UnixMilli())/1e3 + 100*m.cpu
	wave := 0.6*math.Sin(x/47) + 0.3*math.Sin(x/13) + 0.25*math.Sin(x/3.1) + 0.15*math.Sin(x*1.7)
	used := m.memory / 100 * (m.mem + 2*math.Sin(x/80) + math.Mod(x/40, 3))
	stamp := at.UTC().Format(time.RFC3339Nano)
	all := []string{
		fmt.Sprintf(`{"type":"metrics:cpu","timestamp":%q,"data":{"usage":%.1f,"cores":%d}}`, stamp, min(100, max(0, m.cpu+14*wave)), m.cores),
		fmt.Sprintf(`{"type":"metrics:memory","timestamp":%q,"data":{"used":%.0f,"available":%.0f}}`, stamp, used, m.memory-used),
		fmt.Sprintf(`{"type":"metrics:network","timestamp":%q,"data":{"bytesIn":%.0f,"bytesOut":%.0f,"connections":212}}`, stamp,
			m.net*(1+0.5*wave), m.net*(1.6+0.6*math.Sin(x/29)+0.2*wave)),
	}
	if m.requests > 0 {
		all = append(all, fmt.Sprintf(`{"type":"metrics:requests","timestamp":%q,"data":{"count":%.1f,"avgResponseTime":%.1f,"errorRate":0.2}}`,
			stamp, m.requests*(1+0.4*wave), 46*(1+0.3*math.Sin(x/19)+0.2*wave)))
	}
	return all
}

// tellOn publishes new measures of all members that are up, every two seconds until ctx ends.
func tellOn(ctx context.Context, s *server) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			for _, m := range members {
				if m.until == 0 {
					s.post("/api/servers/"+m.id+"/events", "["+strings.Join(m.measures(now), ",")+"]")
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

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
	small := image.NewPaletted(bounds, commonest(count, 256))
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

// commonest returns the n commonest colours.
func commonest(count map[color.RGBA]int, n int) color.Palette {
	all := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return cmp.Compare(count[b], count[a]) })
	var p color.Palette
	for _, c := range all[:min(n, len(all))] {
		p = append(p, c)
	}
	return p
}
