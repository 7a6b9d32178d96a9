package ui

import (
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// appendDoors appends the links to the two pages of events.
func appendDoors(b []byte, live bool) []byte {
	for _, d := range [...]struct {
		path, word string
		here       bool
	}{{"/events", "Catalogue", !live}, {livePath, "Live", live}} {
		b = add(b, `<a href="`)
		b = add(b, d.path)
		b = append(b, '"')
		if d.here {
			b = add(b, ` aria-current="true"`)
		}
		b = add(b, `>`)
		b = add(b, d.word)
		b = add(b, `</a>`)
	}
	return b
}

// typeList is a list of types by category with what is heard of each now: the catalogue's, and after them those that only the
// stream knows. Its entries stay while their rates change, and which are chosen, as somebody may be on one with the keyboard.
type typeList struct {
	here   string                // of the catalogue: the type whose page this is
	chosen func(typ string) bool // of the live events, where types are chosen; else nil
	key    string
	second int64
	sought bool                 // what is chosen was brought into sight
	on     map[string]typeEntry // by type, what is on the page
}

type typeEntry struct {
	rate   string
	chosen bool
}

func (l *typeList) draw(p *pen, m *model.Model, now time.Time) {
	key := string(l.append(nil, m, now, nil))
	second := secondOf(m, now)
	if !p.making() && key == l.key {
		for typ, was := range l.on {
			is := was
			if second != l.second {
				is.rate = rateOf(m, m.Type(typ), now)
			}
			if l.chosen != nil {
				is.chosen = l.chosen(typ)
			}
			if is.rate != was.rate {
				p.dom.HTML("ty-"+typ, is.rate)
			}
			if is.chosen != was.chosen {
				p.dom.Attr("tb-"+typ, "aria-pressed", strconv.FormatBool(is.chosen))
			}
			l.on[typ] = is
		}
		l.second = second
		return
	}
	l.key, l.second, l.on = key, second, make(map[string]typeEntry)
	if p.making() {
		p.raw(`<nav class="panel" id="types" aria-label="Types of events">`)
		p.b = l.append(p.b, m, now, l.on)
		p.raw(`</nav>`)
		return
	}
	p.dom.HTML("types", string(l.append(nil, m, now, l.on)))
}

// seek has the browser bring the first that is chosen into sight, once: on a narrow page the list is a box that scrolls.
func (l *typeList) seek(p *pen) {
	if !p.making() && !l.sought {
		l.sought, p.reveal = true, `#types :is([aria-current="page"], [aria-pressed="true"])`
	}
}

// rateOf is how many of a type come in a second; nothing where none do, or the type was never seen, or was not counted for long enough.
func rateOf(m *model.Model, stat *model.TypeStat, now time.Time) string {
	if stat == nil {
		return ""
	}
	rate := m.PerSecond(&stat.Rate, now)
	if !(rate > 0) && lit(&m.Link) {
		return ""
	}
	return string(appendRate(nil, m, rate, PerSecond))
}

// append appends the list, with rates and what is chosen where it is to take note of that.
func (l *typeList) append(b []byte, m *model.Model, now time.Time, on map[string]typeEntry) []byte {
	live := l.chosen != nil
	b = add(b, `<p class="doors">`)
	b = appendDoors(b, live)
	b = add(b, `</p>`)
	category := ""
	list := func(cat, action, class string, stat *model.TypeStat) {
		if cat != category {
			category = cat
			b = add(b, `<h2>`)
			b = AppendText(b, cat)
			b = add(b, `<i>`)
			b = add(b, class)
			b = add(b, `</i></h2>`)
		}
		typ := cat + ":" + action
		var is typeEntry
		if on != nil {
			is = typeEntry{rateOf(m, stat, now), live && l.chosen(typ)}
			on[typ] = is
		}
		if live {
			b = add(b, `<button type="button" data-do="type" data-of="`)
			b = AppendText(b, typ)
			b = add(b, `" id="tb-`)
			b = AppendText(b, typ)
			b = add(b, `" aria-pressed="`)
			b = strconv.AppendBool(b, is.chosen)
			b = append(b, '"')
		} else {
			b = add(b, `<a href="`)
			b = AppendText(b, EventPath(typ))
			b = append(b, '"')
			if typ == l.here {
				b = add(b, ` aria-current="page"`)
			}
		}
		b = add(b, `><span>`)
		b = AppendText(b, action)
		b = add(b, `</span><i id="ty-`)
		b = AppendText(b, typ)
		b = add(b, `">`)
		b = add(b, is.rate)
		b = add(b, `</i>`)
		if live {
			b = add(b, `</button>`)
		} else {
			b = add(b, `</a>`)
		}
	}
	listed := map[string]bool{}
	for _, t := range event.Catalogue() {
		listed[t.Name] = true
		list(t.Category, t.Action, t.Class.String(), m.Type(t.Name))
	}
	for _, stat := range m.Types() {
		if !listed[stat.Type] {
			cat, action, _ := strings.Cut(stat.Type, ":")
			list(cat, action, "not in the catalogue", stat)
		}
	}
	return b
}
