package ui

import (
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// MarkKind is what became of a deployment.
type MarkKind uint8

const (
	MarkReady MarkKind = iota
	MarkLost           // it was overtaken by another one: see model.Deployment.Overtaken
	MarkUnderway
	MarkFailed // what is worse comes later: of several in one place the last of these shows
)

// Mark is a deployment on the axis of time, or several that stand too close together to be told apart.
type Mark struct {
	T     int64 // Unix milliseconds
	Kind  MarkKind
	Label string // its version
	Of    string // its key: see deploymentKey
	N     int    // how many there are
}

var markKinds = [...]struct{ class, shape, after, word string }{
	MarkReady:    {"c-ok", `<path d="M6 2l4.2 8H1.8z"/>`, "", "ready"},
	MarkLost:     {"c-ink3", `<path class="o dots" d="M6 2l4.2 8H1.8z"/>`, "", "no end heard, begun"},
	MarkUnderway: {"c-way", `<path class="o" d="M6 2l4.2 8H1.8z"/>`, "", "under way since"},
	MarkFailed:   {"c-err", `<path class="o" d="M2.5 2.5l7 7M9.5 2.5l-7 7"/>`, " failed", "failed"},
}

// deployMarks returns where a server's deployments stand on an axis of time, oldest first: when they ended, or where they began.
// Those that are closer together than a share of the axis are one mark, which leads to the newest.
func deployMarks(list []*model.Deployment, from, to int64) []Mark {
	const near = .062 // 24 px of a chart on a narrow screen: less is no target
	var all []Mark
	for _, d := range list {
		m := Mark{T: firstOf(d.Began, d.Changed).UnixMilli(), Kind: MarkUnderway, Label: d.Version, Of: deploymentKey(d), N: 1}
		switch kindOf(d, d.Overtaken(list)) {
		case deploymentsDone:
			m.T, m.Kind = d.Changed.UnixMilli(), MarkReady
		case deploymentsFailed:
			m.T, m.Kind = d.Changed.UnixMilli(), MarkFailed
		case deploymentsLost:
			m.Kind = MarkLost
		}
		if m.T < from || m.T > to {
			continue
		}
		i := len(all)
		for i > 0 && all[i-1].T > m.T {
			i--
		}
		all = append(all, Mark{})
		copy(all[i+1:], all[i:])
		all[i] = m
	}
	kept := all[:0]
	for _, m := range all {
		if n := len(kept); n > 0 && float64(m.T-kept[n-1].T) < near*float64(to-from) {
			was := kept[n-1]
			m.T, m.N, m.Kind = was.T, was.N+1, max(m.Kind, was.Kind)
			kept[n-1] = m
			continue
		}
		kept = append(kept, m)
	}
	return kept
}

// markBase returns the instant that the places of marks count from, Unix milliseconds. It moves on once a week, so that marks stay as
// they are on the page while time passes under them, and tenths of a second since are as much as a browser's float32 counts in full.
func markBase(to int64) int64 {
	const week = 7 * 24 * 3_600_000
	return to - to%week - week
}

// appendMarkAxis appends the style that says where the axis is: marks are placed by the page.
func appendMarkAxis(b []byte, from, to int64) []byte {
	base := markBase(to)
	b = add(b, "--f:")
	b = appendTenths(b, from-base)
	b = add(b, ";--s:")
	return appendTenths(b, to-from)
}

func appendTenths(b []byte, ms int64) []byte { return strconv.AppendInt(b, ms/100, 10) }

// AppendMarks appends the marks of an axis as buttons that open their deployments. A label stands at the
// side that has room for it, the newer ones first; where there is none it is for the pointer and for those who listen. Only one chart's marks are for the keyboard: they say the same on all.
func AppendMarks(b []byte, marks []Mark, from, to int64, zone *time.Location, keys bool) []byte {
	const apart, edge = .13, 1.03
	base := markBase(to)
	share := func(i int) float64 { return float64(marks[i].T-from) / float64(to-from) }
	labels := make([]int8, len(marks)) // 1: at its right, -1: at its left
	free := edge                       // what is left of there is not taken yet
	for i := len(marks) - 1; i >= 0; i-- {
		x := share(i)
		switch {
		case free-x > apart:
			labels[i], free = 1, x-.02
		case x-apart > -.1 && (i == 0 || x-share(i-1) > apart) && free > x:
			labels[i], free = -1, x-apart
		default:
			free = min(free, x-.02)
		}
	}
	for i, m := range marks {
		kind := markKinds[m.Kind]
		b = add(b, `<button type="button" class="mk `)
		b = add(b, kind.class)
		if labels[i] < 0 {
			b = add(b, ` flip`)
		}
		b = add(b, `" data-do="deployment" data-of="`)
		b = AppendText(b, m.Of)
		if !keys {
			b = add(b, `" tabindex="-1`)
		}
		b = add(b, `" style="--t:`)
		b = appendTenths(b, m.T-base)
		b = add(b, `" aria-label="Deployment `)
		b = AppendText(b, m.Label)
		b = append(b, ' ')
		b = add(b, kind.word)
		b = append(b, ' ')
		b = AppendClock(b, time.UnixMilli(m.T).In(zone))
		if m.N > 1 {
			b = add(b, `, and `)
			b = AppendCount(b, int64(m.N-1))
			b = add(b, ` more`)
		}
		b = add(b, `"><em>`)
		b = appendIcon(b, "shape", "0 0 12 12", 12, 12, kind.shape)
		switch {
		case labels[i] == 0:
		case m.N > 1:
			b = add(b, "×")
			b = AppendCount(b, int64(m.N))
		default:
			b = AppendText(b, briefly(m.Label, 24))
			b = add(b, kind.after)
		}
		b = add(b, `</em></button>`)
	}
	return b
}

// briefly returns a text that is to take little room; whole it stands elsewhere.
func briefly(s string, most int) string {
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}
