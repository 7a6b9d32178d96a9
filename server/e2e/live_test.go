package e2e

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// live waits until the page says that what it shows is live.
func (b *browser) live() {
	b.t.Helper()
	b.wait("the page to be live", `document.getElementById("pill-in").textContent.startsWith("Live")`)
}

// machine starts a server that shows this machine, and returns the machine's id and the path of its page.
func machine(t *testing.T) (s *server, id, path string) {
	t.Helper()
	s = serve(t)
	eventually(t, "this machine to be the one server the hub knows", func() (bool, string) {
		ids := s.servers()
		if len(ids) == 1 {
			id = ids[0]
		}
		return id != "", fmt.Sprint(ids)
	})
	return s, id, "/servers/" + url.PathEscape(id)
}

// moving times, in the page, how long the numbers of the elements stood still at most, from now until they have changed
// three times: a promise of milliseconds.
const moving = `new Promise(done => {
  const show = () => %IDS%.map(id => document.getElementById(id)?.textContent).join();
  let since = performance.now(), shown = show(), longest = 0, left = 3;
  const look = () => {
    if (show() !== shown) {
      longest = Math.max(longest, performance.now() - since);
      if (--left === 0) return done(longest);
      since = performance.now(), shown = show();
    }
    setTimeout(look, 10);
  };
  look();
})`

// Someone opens the page and sees this machine's numbers move, within two seconds of the page being ready, and nothing in
// the console. A loaded test machine may be late once; a page that is slower by design is late every time.
func TestNumbersMove(t *testing.T) {
	const soon, tries = 2 * time.Second, 3
	s, _, path := machine(t)
	for _, page := range []struct {
		name, path string
		ids        string // of the numbers, as JavaScript
	}{
		{"fleet", "/", `[...document.querySelectorAll(".card .q")].map(e => e.id)`},
		{"server", path, `["ch0-now", "ch1-now", "ch2-now"]`},
	} {
		t.Run(page.name, func(t *testing.T) {
			b := open(t)
			var late []time.Duration
			for range tries {
				b.visit(s.url + page.path)
				b.live()
				took := time.Duration(eval[float64](b, strings.Replace(moving, "%IDS%", page.ids, 1))) * time.Millisecond
				if took <= soon {
					late = nil
					break
				}
				late = append(late, took)
			}
			if late != nil {
				t.Errorf("the numbers stood still for %v, want %v at most", late, soon)
			}
			b.quiet()
		})
	}
}

// What the page says is what the record says, and that is what the machine's own books say.
func TestNumbersAgreeWithMachine(t *testing.T) {
	s, id, path := machine(t)
	b := open(t)
	b.visit(s.url + path)
	b.live()

	t.Run("CPU", func(t *testing.T) {
		const samples = 5
		st := s.follow("/api/servers/"+url.PathEscape(id)+"/events?types=metrics:cpu", "")
		st.want("a sample", func(e event) bool { return e.Event == "metrics:cpu" })
		st.want("the next sample", func(e event) bool { return e.Event == "metrics:cpu" })
		busyBefore, allBefore := processorTime(t)
		var sum float64
		for range samples {
			seen := st.want("a sample", func(e event) bool { return e.Event == "metrics:cpu" })
			usage, ok := seen[len(seen)-1].Data["usage"].(float64)
			if !ok {
				t.Fatalf("a sample without usage: %v", seen)
			}
			sum += usage
		}
		busy, all := processorTime(t)
		got, want := sum/samples, 100*(busy-busyBefore)/(all-allBefore)
		// The two are read at slightly different moments, and the counters move in hundredths of a second.
		if math.Abs(got-want) > 10 {
			t.Errorf("CPU was %.1f %% over %d samples, /proc/stat says %.1f %%", got, samples, want)
		}
		eventually(t, "the page to show the newest sample", func() (bool, string) {
			all := s.record(id, "metrics:cpu")
			usage, _ := all[len(all)-1].Data["usage"].(float64)
			shown := number(t, b.text("#ch0-now"))
			return math.Abs(shown-usage) < 0.06 || usage >= 100 && shown >= 100, fmt.Sprintf("shown %v, recorded %v", shown, usage)
		})
	})

	t.Run("memory", func(t *testing.T) {
		eventually(t, "the page to agree with /proc/meminfo", func() (bool, string) {
			shown := b.text("#ch1-now")
			got, want := number(t, shown), memoryUsed(t)
			switch {
			case strings.Contains(shown, "GiB"):
				got *= 1 << 30
			case strings.Contains(shown, "MiB"):
				got *= 1 << 20
			}
			// free and /proc/meminfo differ by what the kernel may give back; the page rounds to three figures.
			return math.Abs(got-want) < 0.1*want+64<<20, fmt.Sprintf("shown %q, /proc/meminfo says %.0f bytes", shown, want)
		})
	})
	b.quiet()
}

// The server ends and comes back under an open page. The page says so, goes on by itself, and holds exactly the record.
func TestRestartUnderOpenPage(t *testing.T) {
	t.Parallel()
	for _, ending := range endings {
		t.Run(ending.name, func(t *testing.T) {
			s := serve(t, "--no-host")
			s.publish("web-1", `{"type":"server:online","data":{}}`)
			s.publish("web-1", lines(1, 20))
			b := open(t)
			b.visit(s.url + "/servers/web-1")
			b.live()
			b.wait("the lines", rowsShow("line 20"))
			eval[any](b, `window.notReloaded = true; window.said = []; new MutationObserver(() => {
				const text = document.getElementById("banner")?.innerText; if (text && text !== said.at(-1)) said.push(text);
			}).observe(document.body, {subtree: true, childList: true, characterData: true}); null`)

			ending.end(s)
			b.wait("the page to say that it is not live", `document.getElementById("pill-in").textContent.startsWith("Reconnecting")`)
			b.wait("the page to say what happened", `said.some(text => text.includes("Connection lost"))`)
			s.start()
			s.publish("web-1", lines(21, 40))

			b.wait("the lines missed", rowsShow("line 40"))
			b.live()
			recorded := s.record("web-1", "logs:*")
			sameList(t, "record", field(recorded, "message"), numbered(1, 40))
			sameList(t, "page", b.texts("#log-rows .r > span"), numbered(1, 40))
			if !eval[bool](b, `window.notReloaded === true`) {
				t.Error("the page was reloaded")
			}

			// And on, live, as before.
			s.publish("web-1", lines(41, 45))
			b.wait("new lines", rowsShow("line 45"))
			sameList(t, "page", b.texts("#log-rows .r > span"), numbered(1, 45))
			b.quiet(cut...)
		})
	}
}

// cut is what a browser itself reports when a connection is lost or refused.
var cut = []string{"ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE"}

// A page that is open shows what nobody foresaw, as it came, and what is refused does not reach it.
func TestPageShowsUnknownType(t *testing.T) {
	s := serve(t, "--no-host")
	s.publish("web-1", `{"type":"server:online","data":{}}`)
	b := open(t)
	b.visit(s.url + "/servers/web-1")
	b.live()

	s.publish("web-1", `{"type":"backup:finished","data":{"id":"b-17","bytes":9007199254740993,"note":"<img src=x onerror=document.title='broken'>"}}`)
	b.wait("the event", `document.getElementById("others").innerText.includes("backup:finished")`)
	shown := b.text("#others")
	for _, part := range []string{`"id":"b-17"`, `9007199254740993`, `<img src=x onerror=document.title='broken'>`} {
		if !strings.Contains(shown, part) {
			t.Errorf("the page shows %q, want %s in it", shown, part)
		}
	}
	for _, body := range []string{`{"type":"backup"}`, `{"type":"metrics:cpu","data":{"usage":"lots"}}`, `{`, ``} {
		if status, answer := s.post("/api/servers/web-1/events", body); status < 400 || status > 499 {
			t.Errorf("%s: %d %s, want a 4xx", body, status, answer)
		}
	}
	for _, body := range []string{
		`{"type":"metrics:cpu","data":{"usage":1e308,"cores":-3,"processes":0.5}}`,
		`{"type":"metrics:memory","data":{}}`,
		`{"type":"metrics:gpu","data":{"value":{"nested":[[[]]]}}}`,
		`{"type":"deployment:ready","data":{"id":{"x":1},"url":7}}`,
		`{"type":"logs:app","data":{"level":17,"message":["not","text"]}}`,
		`{"type":"server:__proto__","data":{"__proto__":{"a":1},"constructor":null}}`,
		`{"type":"logs:app","timestamp":"0001-01-01T00:00:00Z","data":{"level":"info","message":"long ago"}}`,
		`{"type":"logs:error","data":{"level":"error","message":"\u202e\u0000\ud800 odd","stack":"a\nb"}}`,
	} {
		// Each may be taken or refused, never be our fault, and never break the page.
		if status, answer := s.post("/api/servers/web-1/events", body); status >= 500 {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	s.publish("web-1", lines(1, 1))
	b.wait("the page to go on", rowsShow("line 1"))
	if title := eval[string](b, `document.title`); strings.Contains(title, "broken") {
		t.Error("a stranger's markup ran")
	}
	b.quiet()
}

// rowsShow is true when a row of the log says exactly that.
func rowsShow(text string) string {
	return `[...document.querySelectorAll("#log-rows .r > span")].some(e => e.textContent === ` + quote(text) + `)`
}

// eventually looks until what it looks for is there; state says what is there instead.
func eventually(t *testing.T, what string, look func() (ok bool, state string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		ok, state := look()
		if ok {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("waited %v for %s: %s", patience, what, state)
		}
	}
}

var digits = regexp.MustCompile(`\d+(\.\d+)?`)

// number is the first number in a text, NaN when there is none.
func number(t *testing.T, text string) float64 {
	t.Helper()
	s := digits.FindString(text)
	if s == "" {
		return math.NaN()
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// processorTime returns, in ticks, how long the processors were busy so far, and all the time there was.
func processorTime(t *testing.T) (busy, all float64) {
	t.Helper()
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	for i, f := range strings.Fields(line)[1:9] { // without guests, who are counted in user already
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			t.Fatal(err)
		}
		all += v
		if i != 3 && i != 4 { // idle, and waiting for a disk
			busy += v
		}
	}
	return busy, all
}

// memoryUsed returns the bytes that programs use, as free counts them.
func memoryUsed(t *testing.T) float64 {
	t.Helper()
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	kb := func(name string) float64 {
		_, rest, _ := strings.Cut(string(b), name+":")
		return number(t, rest)
	}
	return 1024 * (kb("MemTotal") - kb("MemAvailable"))
}
