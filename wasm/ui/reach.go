package ui

import (
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// reach is how far back the charts of a server go.
type reach uint8

const (
	reachLive reach = iota // the last minutes, every sample: what the stream brought
	reachHour              // from the record, and what the stream brought since
	reachDay
)

// reaches are what a reader can choose, with what stands in the address. The past of the hour and the day is asked for in two
// parts: one that is over, the same for all who ask within the time it is aligned to, so that a browser need not ask twice; and one that goes on.
var reaches = [...]struct {
	name, word, long string
	span             time.Duration
	align            time.Duration // of the border between the two parts
	over             time.Duration // how old that border is at least: the record folds in what comes up to five minutes late
	step             time.Duration // of a bucket, about a pixel; all the others are multiples of it
	every            time.Duration // how often the drawing moves on, when nothing else does
}{
	reachLive: {"", "5 min", "the last five minutes", 5 * time.Minute, 0, 0, 0, 2 * time.Second},
	reachHour: {"hour", "Hour", "the hour", time.Hour, 4 * time.Minute, 5 * time.Minute, 6 * time.Second, 6 * time.Second},
	reachDay:  {"day", "Day", "the day", 24 * time.Hour, time.Hour, 6 * time.Minute, 3 * time.Minute, 15 * time.Second},
}

func reachNamed(name string) reach {
	for r := range reaches {
		if reaches[r].name == name {
			return reach(r)
		}
	}
	return reachLive
}

// periods returns what to ask the record for, of one type of metric, and the same with the border before: what may be held still
// when the border has just moved.
func (r reach) periods(server, typ string, there time.Time) (past, now, pastBefore, nowBefore model.Period) {
	o := &reaches[r]
	align := o.align.Milliseconds()
	border := there.Add(-o.over).UnixMilli()
	border -= border % align
	at := func(border int64) (past, now model.Period) {
		all := model.Period{Server: server, Type: typ, Step: o.step.Milliseconds()}
		past, now = all, all
		// No further back than need be: an hour and a little more is what the record keeps by the second.
		past.From, past.To = border-(o.span-o.over).Milliseconds(), border
		now.From, now.To = border, border+2*align+o.over.Milliseconds()
		return past, now
	}
	past, now = at(border)
	pastBefore, nowBefore = at(border - align)
	return past, now, pastBefore, nowBefore
}

// held returns what is held of the past of a type of metric, and wants it kept up to date.
func (r reach) held(m *model.Model, server, typ string, there time.Time, wants *[]model.Period) (past, now *model.History, state pastState) {
	p, n, pBefore, nBefore := r.periods(server, typ, there)
	*wants = append(*wants, p, n)
	past, now = m.Histories.Get(p), m.Histories.Get(n)
	has := func(h *model.History) bool { return h != nil && h.Fields != nil }
	if has(past) && has(now) {
		return past, now, pastHere
	}
	if was, is := m.Histories.Get(pBefore), m.Histories.Get(nBefore); has(was) && has(is) {
		return was, is, pastHere
	}
	if past != nil && past.Failed != "" || now != nil && now.Failed != "" {
		return nil, nil, pastFailed
	}
	return nil, nil, pastReading
}

// track is one series of a chart as it is drawn: what a crosshair reads and a table lists.
type track struct {
	points []Point        // means, where there are buckets
	spread []model.Bucket // one for each point; empty where every sample is a point
	gap    int64          // a longer pause between two points, in milliseconds, is a gap
	thin   model.Thin
	unit   Unit
}

// live fills the track with every sample from an instant on, and the one before.
func (t *track) live(m *model.Metric, k int, from int64) {
	t.points, t.spread = points(t.points, &m.Series, k, from), t.spread[:0]
	t.gap, t.thin = gapOf(m), m.Series.Thin
}

// recorded fills the track with the buckets of a field between two instants, and goes on with what came since.
func (t *track) recorded(past, now *model.History, field string, m *model.Metric, k int, from, to, step int64) {
	t.spread = model.AppendBuckets(t.spread[:0], field, from, to, past, now)
	// What came by the stream is newer than the answer, as far back as it goes in whole buckets.
	since := now.Complete - now.Complete%step
	if m.Series.Len() > 0 {
		if first := m.Series.At(0).T; first > since {
			since = first + step - 1
			since -= since % step
		}
	}
	t.spread = model.AppendSamples(t.spread, &m.Series, k, since, step)
	t.points, t.thin = t.points[:0], model.Thin{}
	for i := range t.spread {
		b := &t.spread[i]
		t.points = append(t.points, Point{min(b.From+(b.To-b.From)/2, max(b.From, to)), b.Mean})
	}
	t.gap = max(step*3/2, usual(t.spread)*28/10)
	if m.Interval > 0 {
		t.gap = max(t.gap, gapOf(m))
	}
}

// usual returns the distance, in milliseconds, at which most buckets follow each other, when that is more than their length:
// what is measured more seldom than a bucket is long leaves buckets empty, and that is no gap.
func usual(list []model.Bucket) int64 {
	var counts [32]int
	for i := 1; i < len(list); i++ {
		if n := (list[i].From - list[i-1].From) / max(list[i].To-list[i].From, 1); n > 0 {
			counts[min(n, int64(len(counts)))-1]++
		}
	}
	most := 0
	for i, n := range counts {
		if n > counts[most] {
			most = i
		}
	}
	if most == 0 || len(list) == 0 {
		return 0
	}
	return int64(most+1) * (list[0].To - list[0].From)
}

// nearest returns the index of the point nearest to an instant, and false where that lies in a gap.
func (t *track) nearest(at int64) (int, bool) {
	best, found := 0, false
	i := t.from(at)
	for _, j := range [2]int{i - 1, i} {
		if j < 0 || j >= len(t.points) {
			continue
		}
		x := t.points[j].T
		if paused(t.gap, t.thin, min(x, at), max(x, at)) || t.points[j].V != t.points[j].V {
			continue
		}
		if !found || max(x-at, at-x) < max(t.points[best].T-at, at-t.points[best].T) {
			best, found = j, true
		}
	}
	return best, found
}

// from returns the index of the first point at or after an instant.
func (t *track) from(at int64) int {
	lo, hi := 0, len(t.points)
	for lo < hi {
		if mid := (lo + hi) / 2; t.points[mid].T < at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
