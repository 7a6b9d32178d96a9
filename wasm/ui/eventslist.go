package ui

import (
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
// stream knows. Its entries stay while their rates change, as somebody may be on one with the keyboard.
type typeList struct {
	key    string
	second int64
	rates  map[string]string // by type, as they are on the page
	live   bool
	entry  func(b []byte, typ, action string) []byte // appends what stands around a type's name, up to it
}

func (l *typeList) draw(p *pen, m *model.Model, now time.Time) {
	key := string(l.append(nil, m, now, nil))
	second := now.Unix()
	if !p.making() && key == l.key {
		if second == l.second {
			return
		}
		l.second = second
		for _, stat := range m.Types() {
			if text := rateOf(stat, now); text != l.rates[stat.Type] {
				l.rates[stat.Type] = text
				p.dom.HTML("ty-"+stat.Type, text)
			}
		}
		return
	}
	l.key, l.second, l.rates = key, second, make(map[string]string)
	if p.making() {
		p.raw(`<nav class="panel" id="types" aria-label="Types of events">`)
		p.b = l.append(p.b, m, now, l.rates)
		p.raw(`</nav>`)
		return
	}
	p.dom.HTML("types", string(l.append(nil, m, now, l.rates)))
}

func rateOf(stat *model.TypeStat, now time.Time) string {
	if stat == nil {
		return ""
	}
	rate := stat.Rate.PerSecond(now)
	if rate <= 0 {
		return ""
	}
	b, _ := AppendNumber(nil, rate, PerSecond)
	return string(b)
}

// append appends the list, with the rates where it is to take note of them.
func (l *typeList) append(b []byte, m *model.Model, now time.Time, rates map[string]string) []byte {
	b = add(b, `<p class="doors">`)
	b = appendDoors(b, l.live)
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
		b = l.entry(b, typ, action)
		b = add(b, `<i id="ty-`)
		b = AppendText(b, typ)
		b = add(b, `">`)
		if rates != nil {
			rates[typ] = rateOf(stat, now)
			b = add(b, rates[typ])
		}
		b = add(b, `</i>`)
		if l.live {
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
