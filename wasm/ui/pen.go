package ui

import (
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// pen draws a screen, twice over with the same code: once as markup, with every value in its place, and then frame after
// frame as what differs from what is on screen. So the server's first picture, the app's first render and each frame
// after it can't disagree.
//
// A screen's draw function calls raw for what never changes and puts what does into slots. While markup is made everything
// is appended to b. While a frame is painted raw does nothing, a slot's content is made at the end of b, compared
// with what the slot holds, written to the DOM only if it differs, and b is cut back.
type pen struct {
	b   []byte
	dom DOM // nil while markup is made
	at  int // where the open slot's content begins in b

	wishes []model.Wish // lines the screen wants read from the record

	reveal string // a selector of what is to be in sight once this is painted; "": nothing

	later bool // something was not painted yet because it was painted a moment ago: see numberStep
}

// slot is one place on the page that changes: an element's content, or one of its attributes. It remembers what is there.
// A slot belongs to the screen whose markup it was made in.
type slot struct{ id, last string }

func (p *pen) making() bool { return p.dom == nil }

// numberStep is how often what changes with every event is painted at most: more often a number can't be read, and each time
// the browser lays out and paints what is around it. The first change after a pause is painted at once, the last of many when
// the step is over.
const numberStep = 100 * time.Millisecond

// due reports whether what was last painted at that time may be painted again. If not it will be, soon.
func (p *pen) due(last, now time.Time) bool {
	if p.making() || now.Sub(last).Abs() >= numberStep {
		return true
	}
	p.later = true
	return false
}

// raw appends markup that stays as it is. Like text and put it is a call, for the reason that add is one.
//
//go:noinline
func (p *pen) raw(s string) {
	if p.dom == nil {
		p.b = append(p.b, s...)
	}
}

// text appends text that stays as it is.
//
//go:noinline
func (p *pen) text(s string) {
	if p.dom == nil {
		p.b = AppendText(p.b, s)
	}
}

// open begins a slot for the content of an element. Its id is key followed by name. What is appended to p.b until shut is
// the content.
func (p *pen) open(s *slot, tag, class, key, name string) {
	if p.dom == nil {
		s.id = key + name
		p.b = append(p.b, '<')
		p.b = add(p.b, tag)
		if class != "" {
			p.b = add(p.b, ` class="`)
			p.b = add(p.b, class)
			p.b = append(p.b, '"')
		}
		p.b = add(p.b, ` id="`)
		p.b = add(p.b, s.id)
		p.b = add(p.b, `">`)
	}
	p.at = len(p.b)
}

// shut ends a slot and reports whether it was written.
func (p *pen) shut(s *slot, tag string) bool {
	changed := string(p.b[p.at:]) != s.last
	if changed {
		s.last = string(p.b[p.at:])
	}
	if p.dom == nil {
		p.b = append(p.b, '<', '/')
		p.b = add(p.b, tag)
		p.b = append(p.b, '>')
		return true
	}
	p.b = p.b[:p.at]
	if changed {
		p.dom.HTML(s.id, s.last)
	}
	return changed
}

// attr begins a slot for an attribute of the element with that id, which stands in a tag that raw has begun; what is
// appended to p.b until shutAttr is its value, already escaped.
func (p *pen) attr(s *slot, key, id, name string) {
	if p.dom == nil {
		s.id = key + id
		p.b = append(p.b, ' ')
		p.b = add(p.b, name)
		p.b = add(p.b, `="`)
	}
	p.at = len(p.b)
}

// shutAttr ends what attr began, with the same name.
func (p *pen) shutAttr(s *slot, name string) {
	changed := string(p.b[p.at:]) != s.last
	if changed {
		s.last = string(p.b[p.at:])
	}
	if p.dom == nil {
		p.b = append(p.b, '"')
		return
	}
	p.b = p.b[:p.at]
	if changed {
		p.dom.Attr(s.id, name, s.last)
	}
}

// put appends to the open slot.
//
//go:noinline
func (p *pen) put(s string) { p.b = append(p.b, s...) }

// add is append for a string, as a call: written out in place some hundred times it would be a tenth of what a browser has to
// download of this package.
//
//go:noinline
func add(b []byte, s string) []byte { return append(b, s...) }

// part makes the markup of a part of a screen that is on the page already, for a screen that changes its shape.
func part(draw func(p *pen)) string {
	var q pen
	draw(&q)
	return string(q.b)
}
