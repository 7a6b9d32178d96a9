package ui

import (
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// wellFormed fails unless s is balanced markup with quoted attributes, and returns its text without tags.
func wellFormed(t *testing.T, s string) string {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(strings.ReplaceAll("<x>"+s+"</x>", "<br>", "<br/>")))
	var text strings.Builder
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return text.String()
		}
		if err != nil {
			t.Fatalf("not well formed: %v in\n%s", err, s)
		}
		if c, ok := tok.(xml.CharData); ok {
			text.Write(c)
		}
	}
}

func TestEachLampHasItsOwnShape(t *testing.T) {
	for _, aged := range []bool{false, true} {
		seen := map[string]model.State{}
		for s := range model.State(model.NumStates) {
			svg := string(AppendLamp(nil, s, 16, aged))
			wellFormed(t, svg)
			if !strings.Contains(svg, `aria-hidden="true"`) {
				t.Errorf("%v: not hidden from screen readers", s)
			}
			if aged && !strings.Contains(svg, "c-ink3") {
				t.Errorf("%v aged: keeps its colour: %s", s, svg)
			}
			_, shape, _ := strings.Cut(svg, ">")
			if other, same := seen[shape]; same && !(s == model.Stopped && other == model.Offline) {
				t.Errorf("%v and %v have one shape", s, other)
			}
			seen[shape] = s
			if StateWord(s, aged) == "" {
				t.Errorf("%v has no word", s)
			}
		}
	}
}

func TestEachLinkHasItsYarn(t *testing.T) {
	for p := range feed.Polling + 1 {
		wellFormed(t, string(AppendYarn(nil, p)))
		wellFormed(t, string(AppendMark(nil, p, 26)))
		if LinkWord(p) == "" || LinkClass(p) == "" {
			t.Errorf("%v has no word or colour", p)
		}
	}
}

func samples(v ...float64) []Point {
	p := make([]Point, len(v))
	for i, v := range v {
		p[i] = Point{int64(i+1) * 1000, v}
	}
	return p
}

func TestSpark(t *testing.T) {
	base := Spark{From: 0, To: 15_000, Gap: 2_000, Lo: 0, Hi: 60}
	for _, c := range []struct {
		name   string
		change func(*Spark)
		want   string
	}{
		{"empty", func(*Spark) {}, ``},
		{"one sample is a dot", func(s *Spark) { s.Points = samples(60) },
			`<path class="fill" d="M10 60V0V60z"/><path class="a" d="M10 0l0 0"/>`},
		{"a line", func(s *Spark) { s.Points = samples(0, 30, 60) },
			`<path class="fill" d="M10 60V60l10-30 10-30V60z"/><path class="a" d="M10 60l10-30 10-30"/>`},
		{"a gap is a gap", func(s *Spark) { s.Points = append(samples(0, 30), Point{5000, 30}, Point{6000, 60}) },
			`<path class="fill" d="M10 60V60l10-30V60zM50 60V30l10-30V60z"/><path class="a" d="M10 60l10-30M50 30l10-30"/>`},
		{"a missing number is a gap", func(s *Spark) { s.Points = samples(0, 30, math.NaN(), 30) },
			`<path class="fill" d="M10 60V60l10-30V60zM40 60V30V60z"/><path class="a" d="M10 60l10-30M40 30l0 0"/>`},
		{"aged", func(s *Spark) { s.Points, s.Aged = samples(0, 30), true },
			`<path class="a" d="M10 60l10-30"/>`},
		{"over its limit", func(s *Spark) { s.Points, s.Limit = samples(0, 30, 60, 30, 0), 29 },
			`<path class="fill" d="M10 60V60l10-30 10-30 10 30 10 30V60z"/><path class="a" d="M10 60l10-30 10-30 10 30 10 30"/><path class="over" d="M20 30l10-30 10 30"/>`},
		{"within its limit", func(s *Spark) { s.Points, s.Limit = samples(0, 30), 90 },
			`<path class="fill" d="M10 60V60l10-30V60z"/><path class="a" d="M10 60l10-30"/>`},
		{"off the scale stays on the paper", func(s *Spark) { s.Points = samples(-10, 900) },
			`<path class="fill" d="M10 60V60l10-60V60z"/><path class="a" d="M10 60l10-60"/>`},
		{"before the window", func(s *Spark) { s.Points, s.From, s.To = samples(0, 30, 60), 2000, 17_000 },
			`<path class="fill" d="M0 60V30l10-30V60z"/><path class="a" d="M0 30l10-30"/>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := base
			c.change(&s)
			got := string(AppendSpark(nil, s))
			wellFormed(t, got)
			_, got, _ = strings.Cut(got, ">")
			if got = strings.TrimSuffix(got, "</svg>"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// However many samples fall on a column, its peak and its dip are drawn.
func TestNoPeakIsLost(t *testing.T) {
	var pts []Point
	for i := range 30_000 {
		v := 30.0
		if i == 12_345 {
			v = 60
		}
		pts = append(pts, Point{int64(i + 1), v})
	}
	p := plot{from: 0, to: 30_000, lo: 0, hi: 60, w: sparkW, h: sparkH, gap: 1000}
	peaks, vertices := 0, 0
	p.runs(pts, nil, func(run []vertex) {
		for _, v := range run {
			if vertices++; v.y == 0 {
				peaks++
			}
		}
	})
	if peaks != 1 || vertices > 2*sparkW+2 {
		t.Errorf("got %d peaks in %d vertices, want 1 in at most %d", peaks, vertices, 2*sparkW+2)
	}
}

func TestScales(t *testing.T) {
	for _, c := range []struct {
		f    func(float64) float64
		v, w float64
	}{
		{Nice, 0, 1}, {Nice, 1, 1}, {Nice, 1.1, 2}, {Nice, 2, 2}, {Nice, 2.1, 5}, {Nice, 5.1, 10}, {Nice, 1300, 2000}, {Nice, 0.03, 0.05},
		{Nice, math.NaN(), 1}, {Nice, math.Inf(1), 1},
		{NiceMemory, 3 << 30, 4 << 30}, {NiceMemory, 4 << 30, 4 << 30}, {NiceMemory, 0, 1 << 20}, {NiceMemory, 900 << 20, 1 << 30},
	} {
		if got := c.f(c.v); math.Abs(got-c.w) > 1e-12*c.w {
			t.Errorf("scale for %v: got %v, want %v", c.v, got, c.w)
		}
	}
}

func testChart() Chart {
	at := time.Date(2026, 5, 12, 12, 41, 7, 0, time.UTC).UnixMilli()
	var pts []Point
	for i := int64(600); i >= 0; i-- {
		if i > 420 && i < 462 {
			continue
		}
		pts = append(pts, Point{at - i*1000, 50 + 30*math.Sin(float64(i)/40)})
	}
	return Chart{
		From: at - 600_000, To: at, Gap: 2_500, Zone: time.UTC,
		Bands: []Band{{Top: 0, Height: 1, Lo: 0, Hi: 100, Ticks: []float64{0, 50, 100}, Unit: Percent, Series: []Series{{Points: pts}}}},
	}
}

func TestChart(t *testing.T) {
	html := string(AppendChart(nil, testChart()))
	text := wellFormed(t, html)
	for _, want := range []string{"100\u202f%", "50\u202f%", "0\u202f%", "12:32", "12:40", "now", "42\u202fs"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the chart: %s", want, text)
		}
	}
	for _, not := range []string{"no data since", "12:31"} {
		if strings.Contains(text, not) {
			t.Errorf("%q is in the chart", not)
		}
	}

	c := testChart()
	pts := c.Bands[0].Series[0].Points
	c.Bands[0].Series[0].Points = pts[:len(pts)-200]
	if text := wellFormed(t, string(AppendChart(nil, c))); !strings.Contains(text, "no data since 12:37:47") {
		t.Errorf("a silent server's chart does not say so: %s", text)
	}

	if got := AppendChart(nil, Chart{}); len(got) != 0 {
		t.Errorf("the zero chart draws %q", got)
	}
}

// A value hardly below zero has no label of its own: it would stand in that of zero.
func TestChartLabelsStandApart(t *testing.T) {
	for least, want := range map[float64]string{-.5: "100\u202f%0\u202f%", -50: "100\u202f%0\u202f%-50\u202f%"} {
		c := testChart()
		c.Bands[0].Lo, c.Bands[0].Signed, c.Bands[0].Ticks = least, true, []float64{100, 0, least}
		if got := wellFormed(t, string(appendYLabels(nil, c))); got != want {
			t.Errorf("down to %v the axis says %q, want %q", least, got, want)
		}
	}
}

func TestChartBelowZeroAndBars(t *testing.T) {
	c := Chart{From: 0, To: 10_000, Gap: 2_500, Zone: time.UTC, Bands: []Band{
		{Height: .5, Lo: -2e6, Hi: 2e6, Ticks: []float64{2e6, 0, -2e6}, Unit: ByteRate, Series: []Series{
			{Points: samples(1e6, 1e6)}, {Points: samples(1e6, 2e6), Look: Dashed, Below: true}}},
		{Top: .5, Height: .5, Hi: 10, Ticks: []float64{0, 10}, Unit: PerSecond, Series: []Series{{Points: samples(10, 5), Look: Bars, Bar: 1000}}},
	}}
	html := string(AppendChart(nil, c))
	text := wellFormed(t, html)
	if strings.Count(text, "2\u202fMB/s") != 2 || strings.Contains(text, "-2") {
		t.Errorf("labels below zero: %s", text)
	}
	for _, want := range []string{`<path class="b" d="M60 150l60 50"/>`, `<path class="bars" d="M0 400V200H59V400zM60 400V300H119V400z"/>`, `d="M60 100V50l60 0V100z"`} {
		if !strings.Contains(html, want) {
			t.Errorf("%s is not in\n%s", want, html)
		}
	}
}

func TestChartSentence(t *testing.T) {
	got := plain(AppendChartSentence(nil, "CPU", samples(12, 80, math.NaN(), 42.1), Percent))
	if want := "CPU: now 42.1_%, least 12.0_%, most 80.0_%"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := string(AppendChartSentence(nil, "CPU", nil, Percent)), "CPU: no samples yet"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStages(t *testing.T) {
	for _, c := range []struct {
		s    Stages
		want string // classes and words
	}{
		{Stages{At: StageStarted}, "now 100% Started|todo 0% Building|todo 0% Provision|todo 0% Ready"},
		{Stages{At: StageBuilding, Share: .6}, "done 100% Started|now 60% Building|todo 0% Provision|todo 0% Ready"},
		{Stages{At: StageProvisioning, Failed: true}, "done 100% Started|done 100% Built|bad 100% Provision ✕|todo 0% Ready"},
		{Stages{At: StageReady, Done: true}, "done 100% Started|done 100% Built|done 100% Provisioned|done 100% Ready"},
	} {
		html := string(AppendStages(nil, c.s))
		wellFormed(t, html)
		var parts []string
		for _, li := range strings.Split(html, "<li ")[1:] {
			class, rest, _ := strings.Cut(strings.TrimPrefix(li, `class="`), `"`)
			_, rest, _ = strings.Cut(rest, "--p:")
			share, rest, _ := strings.Cut(rest, `"></span>`)
			word, _, _ := strings.Cut(rest, "</li>")
			parts = append(parts, class+" "+share+" "+word)
		}
		if got := strings.Join(parts, "|"); got != c.want {
			t.Errorf("%+v:\ngot  %s\nwant %s", c.s, got, c.want)
		}
	}
}
