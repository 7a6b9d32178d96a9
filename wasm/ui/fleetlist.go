package ui

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// What a frame does at most, so that no frame is long: what is left over comes with the next.
const (
	paintsPerFrame = 24 // servers painted
	movesPerFrame  = 20 // servers that come onto the page or move on it
	// alwaysDrawn is how many of the first servers the browser draws wherever the reader is, as the stylesheet has it: what it decides
	// on by itself it draws a frame late.
	alwaysDrawn = 12
	// turns is how many parts the servers are painted in, each once in a numberStep. One would make that frame a long one; and if
	// each server had a frame of its own, there would be a few of them in every frame, and what a browser does for any change at all,
	// however small, would be done sixty times a second instead of twenty.
	turns = 2
)

// drawItems draws the servers: those on the page that the browser draws, in turns.
func (f *fleet) drawItems(p *pen, m *model.Model, now time.Time) {
	if p.making() || f.view.table != f.tabled {
		f.tabled = f.view.table
		f.restart()
		if p.making() {
			f.items.id = "items"
			p.raw(`<div id="items">`)
			f.drawAll(p, m, now)
			p.raw(`</div>`)
		} else {
			p.dom.HTML(f.items.id, part(func(q *pen) { f.drawAll(q, m, now) }))
			p.later = true
		}
		return
	}
	var turn [turns]bool
	for i, some := 0, false; i < turns; i++ {
		t := &f.turns[i]
		old := now.Sub(t.at).Abs()
		if turn[i] = old >= numberStep && !some || old >= 2*numberStep; !turn[i] && t.rev != m.Rev {
			p.later = true // its turn comes
		}
		some = some || turn[i]
	}
	left := paintsPerFrame
	n := len(f.shown)
	below := f.below()
	for i := range n {
		at := (f.next + i) % n
		c := f.shown[at]
		if c.skipped && at >= alwaysDrawn || below && at < alwaysDrawn {
			continue
		}
		s := m.Server(c.id)
		if s == nil || !turn[c.turn] && c.status == s.Status.State || !c.draw(p, m, s, now, f.span) {
			continue
		}
		if left--; left == 0 {
			f.next = at + 1
			p.later = true
			return
		}
	}
	for i := range f.turns {
		if turn[i] {
			f.turns[i].at, f.turns[i].rev = now, m.Rev
		}
	}
}

// below reports whether the reader has gone on below the first servers, which the browser says nothing of: the one after them is out
// of sight, and another further down is not.
func (f *fleet) below() bool {
	return len(f.shown) > alwaysDrawn && f.shown[alwaysDrawn].skipped &&
		slices.ContainsFunc(f.shown[alwaysDrawn:], func(c *card) bool { return !c.skipped })
}

// restart forgets what is on the page: it is made anew.
func (f *fleet) restart() {
	clear(f.byID)
	clear(f.byKey)
	f.shown, f.sorted, f.next, f.moves = nil, false, 0, 0
	f.pointed, f.focused = false, false // what they were among is gone
}

// drawAll makes the markup of the first servers.
func (f *fleet) drawAll(p *pen, m *model.Model, now time.Time) {
	if f.tabled {
		p.raw(tableHead)
	} else {
		p.raw(`<div class="cards" id="cards">`)
	}
	for _, s := range f.want[:min(len(f.want), firstDrawn)] {
		c := f.card(s.ID)
		f.shown = append(f.shown, c)
		c.draw(p, m, s, now, f.span)
	}
	p.raw(`</div>`)
	if f.tabled {
		p.raw(`</div>`)
	}
}

func (f *fleet) card(id string) *card {
	c := f.byID[id]
	if c == nil {
		f.keys++
		c = &card{id: id, key: "s" + strconv.Itoa(f.keys), row: f.tabled, turn: f.keys % turns}
		f.byID[id] = c
		f.byKey[c.key] = c
	}
	return c
}

// drop takes a card from the page. When its server is wanted again it is made anew.
func (f *fleet) drop(p *pen, c *card) {
	p.dom.Remove(c.key)
	delete(f.byID, c.id)
	delete(f.byKey, c.key)
}

// arrange brings the cards on the page, step by step, to those that are wanted, in order, with as few moves as there can be.
// While the reader is among them they stay where and what they are, and new ones come last.
func (f *fleet) arrange(p *pen, m *model.Model, now time.Time) {
	held := f.held()
	if f.sorted && (held || f.moves == 0) {
		f.settle = false
		return
	}
	place := make(map[string]int, len(f.want))
	for i, s := range f.want {
		place[s.ID] = i
	}
	gone := 0
	f.shown = slices.DeleteFunc(f.shown, func(c *card) bool {
		_, wanted := place[c.id]
		if wanted || held && m.Server(c.id) != nil {
			if !wanted {
				gone++
			}
			return false
		}
		f.drop(p, c)
		return true
	})
	var places []int // of the cards on the page
	for _, c := range f.shown {
		if at, wanted := place[c.id]; wanted {
			places = append(places, at)
		}
	}
	stays := make([]bool, len(f.want))
	f.moves = gone
	for i, stay := range rising(places) {
		stays[places[i]] = stay
		f.moves += b2i(!stay)
	}
	left, added := movesPerFrame, false
	var fresh []byte // markup of cards that come after all others, and go in as one
	flush := func() {
		if len(fresh) > 0 {
			p.dom.Insert("cards", "beforeend", string(fresh))
			fresh = fresh[:0]
		}
	}
	for i, s := range f.want {
		if stays[i] {
			continue
		}
		c, there := f.byID[s.ID]
		if held && there {
			continue
		}
		if left--; left < 0 {
			break
		}
		added = added || !there
		after := ""
		if held && len(f.shown) > 0 {
			after = f.shown[len(f.shown)-1].key
		} else if i > 0 {
			after = f.byID[f.want[i-1].ID].key
		}
		if !there {
			c = f.card(s.ID)
			c.lean = f.skips
			markup := part(func(q *pen) { c.draw(q, m, s, now, f.span) })
			switch {
			case len(f.shown) == 0 || f.shown[len(f.shown)-1].key == after:
				fresh = add(fresh, markup)
			case after == "":
				flush()
				p.dom.Insert("cards", "afterbegin", markup)
			default:
				flush()
				p.dom.Insert(after, "afterend", markup)
			}
		} else {
			flush()
			p.dom.Move(c.key, after)
			f.shown = slices.Delete(f.shown, slices.Index(f.shown, c), slices.Index(f.shown, c)+1)
			f.moves--
		}
		at := 0
		if after != "" {
			at = slices.IndexFunc(f.shown, func(c *card) bool { return c.key == after }) + 1
		}
		f.shown = slices.Insert(f.shown, at, c)
	}
	flush()
	f.sorted = left >= 0 && !(held && added) // what came last may belong elsewhere: that is to be counted
	if !f.sorted {
		p.later = true
	} else if !held {
		f.settle, f.moves = false, 0
	}
}

// skip notes which of the cards the browser has begun to draw, and which it no longer does: "+s1 -s2". What it does not draw is
// not painted either.
func (f *fleet) skip(changes string) {
	f.skips = true
	for word := range strings.FieldsSeq(changes) {
		if c := f.byKey[word[1:]]; c != nil {
			c.skipped = word[0] == '-'
		}
	}
}

// wish asks for the deployments of before, once in the life of a record, where the picture that the stream began with leaves it open what is
// under way: of two deployments of a server at once it has parts.
func (f *fleet) wish(p *pen, m *model.Model) {
	if p.making() || !m.Complete || !m.Link.Phase.Answered() || f.life == m.Life+1 {
		return
	}
	f.life = m.Life + 1
	if d := m.Deployed; d.All || !d.Since.IsZero() || d.Reading || !slices.ContainsFunc(m.Servers(), (*model.Server).Unsure) {
		return
	}
	p.wishes = append(p.wishes, model.Wish{Deployments: true, Back: deploymentsBack})
}
