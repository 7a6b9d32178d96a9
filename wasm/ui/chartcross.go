package ui

import (
	"math"
	"strconv"
	"time"
)

// point moves the crosshair to where the reader points: to the sample or bucket of that chart that is nearest, so that every
// reading is one that was measured.
func (c *charts) point() {
	if !c.pointed.on {
		return
	}
	pl := &c.panels[c.pointed.chart]
	c.pointed.on = false
	if pl.to <= pl.from {
		return
	}
	at := pl.from + int64(c.pointed.share*float64(pl.to-pl.from))
	if i, ok := pl.tracks[0].nearest(at); ok && pl.tracks[0].points[i].T >= pl.from {
		at = pl.tracks[0].points[i].T
	}
	c.cross = at
}

// step moves the crosshair to the next sample or bucket of a chart or the one before, and sets it at the newest when there is
// none. It is pinned or not as it was.
func (c *charts) step(chart int, later bool) {
	t := &c.panels[chart].tracks[0]
	from, n := c.panels[chart].from, len(t.points)
	if n == 0 {
		return
	}
	i := n - 1
	switch at := t.from(c.cross); {
	case c.cross == 0:
	case later:
		if at < n && t.points[at].T == c.cross {
			at++
		}
		i = min(at, n-1)
	default:
		i = max(at-1, 0)
	}
	if t.points[i].T >= from {
		c.cross = t.points[i].T
	}
}

// widen chooses the shortest reach that has the instant the address asks for.
func (c *charts) widen(there time.Time) {
	if !c.fit {
		return
	}
	c.fit = false
	for c.reach < reachDay && c.cross < there.Add(-reaches[c.reach].span).UnixMilli() {
		c.reach++
	}
}

// pin keeps the crosshair where it is, or lets it go.
func (c *charts) pin(on bool) {
	c.pinned = on && c.cross != 0
	if !c.pinned {
		c.cross = 0
	}
}

// appendCross appends the crosshair at an instant: a line, a dot on each series, and above the plot what the nearest sample or
// bucket read.
func (pl *panel) appendCross(b []byte, what measure, at int64, pinned bool, there time.Time) []byte {
	if at < pl.from || at > pl.to || pl.to == pl.from {
		return b
	}
	share := func(t int64) float64 { return min(max(float64(t-pl.from)/float64(pl.to-pl.from), 0), 1) }
	when := func(t int64) {
		when := time.UnixMilli(t).In(there.Location())
		if !sameDay(when, there) {
			b = when.AppendFormat(b, "Mon ")
		}
		if pl.reach == reachDay {
			b = when.AppendFormat(b, "15:04")
		} else {
			b = AppendClock(b, when)
		}
	}
	i, ok := pl.tracks[0].nearest(at)
	long := ok && len(pl.tracks[0].spread) > 0
	b = add(b, `<span class="cross`)
	if pinned {
		b = add(b, ` pinned`)
	}
	switch {
	case long: // the reading may be as wide as the plot, and so comes over from one side to the other as the line does
		b = add(b, ` long`)
	case share(at) < .3:
		b = add(b, ` flip`)
	}
	b = add(b, `" style="left:`)
	b = appendShare(b, share(at))
	if long {
		b = add(b, `;--x:-`)
		b = appendShare(b, share(at))
	}
	b = add(b, `"><em>`)
	if !ok {
		when(at)
		return add(b, "  no data</em></span>")
	}
	x := pl.tracks[0].points[i]
	if spread := pl.tracks[0].spread; len(spread) > 0 {
		when(spread[i].From)
	} else {
		when(x.T)
	}
	b = add(b, "  ")
	words := [2]string{"", ""}
	switch what {
	case measureNetwork:
		words = [2]string{"in ", "  out "}
	case measureRequests:
		words[1] = "  "
	}
	var dots [2]Point
	n := 0
	for k := range measures[what].fields {
		t := &pl.tracks[k]
		j, ok := t.nearest(x.T)
		if !ok && k > 0 {
			continue
		}
		if k == 0 {
			j = i
		}
		b = add(b, words[k])
		b = t.appendReading(b, j)
		dots[k], n = t.points[j], k+1
	}
	b = add(b, `</em></span>`)
	for k := range n {
		band := &pl.bands[k]
		v := dots[k].V
		if len(pl.tracks[k].points) == 0 || band.Hi <= band.Lo || what == measureRequests && k == 0 {
			continue
		}
		if what == measureNetwork && k == 1 {
			v = -v
		}
		v = min(max(v, band.Lo), band.Hi)
		b = add(b, `<i style="left:`)
		b = appendShare(b, share(dots[k].T))
		b = add(b, `;top:`)
		b = appendShare(b, band.Top+band.Height*(band.Hi-v)/(band.Hi-band.Lo))
		b = add(b, `"></i>`)
	}
	return b
}

// appendReading appends what a point read: a sample as it is, a bucket with its least and its greatest.
func (t *track) appendReading(b []byte, i int) []byte {
	b = AppendQuantity(b, t.points[i].V, t.unit)
	if len(t.spread) == 0 {
		return b
	}
	s := &t.spread[i]
	b = add(b, "<small> ")
	b = appendRange(b, s.Min, s.Max, t.unit)
	return add(b, "</small>")
}

// appendRange appends "38.0–57.3 %".
func appendRange(b []byte, least, most float64, u Unit) []byte {
	b, low := AppendNumber(b, least, u)
	if _, high := AppendNumber(nil, most, u); low != high && low != "" {
		b = add(b, nnbsp)
		b = add(b, low)
	}
	b = add(b, "–")
	return AppendQuantity(b, most, u)
}

// pointAt reads where the reader points at: a share of the width and a chart, "0.4215 2"; "" is nowhere.
func pointAt(of string) (p pointed) {
	share, chart := of, "0"
	for i := range of {
		if of[i] == ' ' {
			share, chart = of[:i], of[i+1:]
			break
		}
	}
	v, err := strconv.ParseFloat(share, 64)
	n, err2 := strconv.Atoi(chart)
	if err != nil || err2 != nil || n < 0 || n >= len(chartKeys) || !(v >= 0 && v <= 1) || math.IsInf(v, 0) {
		return pointed{}
	}
	return pointed{on: true, share: v, chart: n}
}
