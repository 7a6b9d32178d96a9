package ui

import (
	"bytes"
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// defaultType is what the Events page shows when it is asked for none.
const defaultType = "metrics:cpu"

// EventPath returns the address of a type's page.
func EventPath(typ string) string { return "/events/" + typ }

// events is the catalogue of event types, made from the Go types both ends are compiled from, and beside it what was seen
// of them.
type events struct {
	typ  string
	info event.Type
	in   bool // the type is in the catalogue

	second int64

	list                                         typeList
	rate, seen, fields, sampleNote, sample, wire slot
}

func newEvents(typ string) *events {
	if typ == "" {
		typ = defaultType
	}
	v := &events{typ: typ}
	v.info, v.in = event.Lookup(typ)
	v.list.here = typ
	return v
}

func (v *events) title() string { return v.typ }

func (v *events) draw(p *pen, m *model.Model, now time.Time) {
	there := m.Now(now)
	stat := m.Type(v.typ)
	v.list.seek(p)
	// Once a second is as often as anyone reads a rate, and lets a sample be copied; but an age goes on.
	if second := secondOf(m, now); !p.making() && second == v.second {
		v.drawSeen(p, stat, there)
		return
	} else {
		v.second = second
	}
	p.raw(`<div class="cat">`)
	v.list.draw(p, m, now)
	p.raw(`<div><div class="row"><h1>`)
	p.text(v.typ)
	p.raw(`</h1><a class="link" href="`)
	p.text(livePath + "?types=" + url.QueryEscape(v.typ))
	p.raw(`">Watch live</a>`)
	p.open(&v.rate, "span", "q", "", "ev-rate")
	if stat != nil {
		p.put("<b>")
		p.b = appendRate(p.b, m, m.PerSecond(&stat.Rate, now), PerSecond)
		p.put("</b><i> events/s</i>")
	}
	p.shut(&v.rate, "span")
	p.raw(`</div><p class="lead">`)
	if v.in {
		p.text(v.info.Description)
	} else {
		p.raw(`Not in the catalogue of this version: it passes untouched, and is shown as it came.`)
	}
	p.raw(`</p>`)
	v.drawClass(p, stat, there)
	p.raw(`<div class="two">`)
	v.drawFields(p, stat)
	v.drawSample(p, stat, there)
	p.raw(`</div>`)
	v.drawWire(p, stat)
	p.raw(`</div></div>`)
}

// classWords are what a class means, in a word for each question and a sentence for the first.
var classWords = map[event.Class]struct{ icon, sentence, slow, newcomer string }{
	event.State:   {iconState, "The newest replaces the one before it", "never dropped", "the latest"},
	event.Sample:  {iconSample, "The newest wins; older ones may be thinned", "thinned", "the latest"},
	event.Line:    {iconLine, "Each stands for itself", "skipped, counted", "the newest 100"},
	event.Control: {iconVoice, "The stream's own voice, never recorded", "never dropped", "nothing"},
}

func (v *events) drawClass(p *pen, stat *model.TypeStat, there time.Time) {
	class := event.ClassOf(v.typ)
	words := classWords[class]
	fact := func(name, icon, word, sentence string) {
		p.raw(`<div><dt>`)
		p.raw(name)
		p.raw(`</dt><dd><b>`)
		if icon != "" {
			p.raw(string(appendLineIcon(nil, icon)))
		}
		p.raw(word)
		p.raw(`</b>`)
		p.raw(sentence)
		p.raw(`</dd></div>`)
	}
	p.raw(`<dl class="panel cls">`)
	fact("Class", words.icon, class.String(), words.sentence)
	fact("On a slow link", "", words.slow, class.SlowLink())
	fact("To a newcomer", "", words.newcomer, class.Newcomer())
	p.raw(`<div><dt>Last seen</dt>`)
	v.drawSeen(p, stat, there)
	p.raw(`</div></dl>`)
}

func (v *events) drawSeen(p *pen, stat *model.TypeStat, there time.Time) {
	p.open(&v.seen, "dd", "", "", "ev-seen")
	if stat == nil || stat.Newest.Time.IsZero() {
		p.put("<b>" + missing + "</b>not seen by this page")
	} else {
		p.put("<b>")
		p.b = appendAgo(p.b, there.Sub(stat.Newest.Time))
		p.put("</b>")
		if stat.Newest.Server != "" {
			p.b = AppendText(p.b, stat.Newest.Server)
			p.put(", ")
		}
		p.put("place ")
		p.b = AppendText(p.b, stat.Newest.Place.String())
	}
	p.shut(&v.seen, "dd")
}

func (v *events) drawFields(p *pen, stat *model.TypeStat) {
	p.raw(`<section class="panel" aria-label="Fields"><div class="ph"><h2>Fields</h2><small>beside id, timestamp, serverId and source, which all recorded events have</small></div>`)
	p.open(&v.fields, "div", "", "", "ev-fields")
	if len(v.info.Fields) > 0 {
		var now map[string]json.RawMessage
		if stat != nil && json.Unmarshal(stat.Newest.Data, &now) != nil {
			now = nil
		}
		p.put(`<table><thead><tr><th>Field</th><th>Type</th><th>Unit</th><th>Meaning</th><th class="n">Now</th></tr></thead><tbody>`)
		for _, f := range v.info.Fields {
			p.put(`<tr><td>`)
			p.b = AppendText(p.b, f.Name)
			p.put(`<i>`) // on a page too narrow for the next column
			p.b = AppendText(p.b, string(f.Type))
			p.put(`</i></td><td>`)
			p.b = AppendText(p.b, string(f.Type))
			p.put(`</td><td>`)
			p.b = AppendText(p.b, f.Unit)
			p.put(`</td><td>`)
			p.b = AppendText(p.b, f.Meaning)
			p.put(`</td><td class="n">`)
			p.b = appendFieldNow(p.b, f, now[f.Name])
			p.put(`</td></tr>`)
		}
		p.put(`</tbody></table>`)
	}
	p.shut(&v.fields, "div")
	p.raw(`<p class="note">`)
	p.text(v.missing())
	p.raw(`Fields that are not listed are kept and passed on.</p></section>`)
}

// missing says which fields may be missing, in the fewer words.
func (v *events) missing() string {
	var always, maybe []string
	for _, f := range v.info.Fields {
		if f.Optional {
			maybe = append(maybe, f.Name)
		} else {
			always = append(always, f.Name)
		}
	}
	switch {
	case len(maybe) == 0:
		return ""
	case len(always) == 0:
		return "Any of them may be missing. "
	case len(always) < len(maybe):
		return "All but " + strings.Join(always, ", ") + " may be missing. "
	}
	return strings.Join(maybe, ", ") + " may be missing. "
}

// appendFieldNow appends the value a field has in the newest event, read as its unit says.
func appendFieldNow(b []byte, f event.Field, raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return add(b, missing)
	}
	b = add(b, `<b>`)
	if v, err := strconv.ParseFloat(string(raw), 64); err == nil {
		unit := Plain
		if v == math.Trunc(v) {
			unit = Count
		}
		switch f.Unit {
		case "percent":
			unit = Percent
		case "bytes":
			unit = Bytes
		case "bytes per second":
			unit = ByteRate
		case "milliseconds":
			unit = Milli
		}
		b = AppendQuantity(b, v, unit)
		return add(b, `</b>`)
	}
	s := string(raw)
	var text string
	if json.Unmarshal(raw, &text) == nil {
		s = text
	}
	if len(s) > 28 {
		s = clip(s[:min(len(s), 28)]) + "…"
	}
	b = AppendText(b, s)
	return add(b, `</b>`)
}

func (v *events) drawSample(p *pen, stat *model.TypeStat, there time.Time) {
	p.raw(`<section class="panel" aria-label="Sample"><div class="ph"><h2>Sample</h2>`)
	p.open(&v.sampleNote, "span", "dim", "", "ev-note")
	data := []byte(v.info.Sample)
	if stat != nil && len(stat.Newest.Data) > 0 {
		data = stat.Newest.Data
		p.put("the newest one seen, ")
		p.b = AppendWhen(p.b, stat.Newest.Time, there)
	} else {
		p.put("example")
	}
	p.shut(&v.sampleNote, "span")
	p.raw(`<span class="grow"></span><button class="btn" type="button" data-do="copy" data-of="ev-sample">Copy</button></div>`)
	p.open(&v.sample, "pre", "raw", "", "ev-sample")
	var pretty bytes.Buffer
	if json.Indent(&pretty, data, "", "  ") == nil {
		p.b = appendJSON(p.b, pretty.String())
	} else {
		p.b = AppendText(p.b, data)
	}
	p.shut(&v.sample, "pre")
	p.raw(`</section>`)
}

// appendJSON appends indented JSON with its keys apart for the eye.
func appendJSON(b []byte, s string) []byte {
	for line := range strings.Lines(s) {
		trimmed := strings.TrimLeft(line, " ")
		b = append(b, line[:len(line)-len(trimmed)]...)
		key, value, ok := strings.Cut(trimmed, `": `)
		if ok && strings.HasPrefix(key, `"`) {
			b = add(b, `<i>`)
			b = AppendText(b, key+`":`)
			b = add(b, `</i> `)
			trimmed = value
		}
		b = AppendText(b, trimmed)
	}
	return b
}

func (v *events) drawWire(p *pen, stat *model.TypeStat) {
	p.raw(`<section class="panel wire" aria-label="On the wire"><div class="ph"><h2>On the wire</h2><span class="grow"></span><button class="btn" type="button" data-do="copy" data-of="ev-wire">Copy</button></div>`)
	p.open(&v.wire, "pre", "raw", "", "ev-wire")
	data, place := []byte(v.info.Sample), ""
	if stat != nil && len(stat.Newest.Data) > 0 {
		data, place = stat.Newest.Data, stat.Newest.Place.String()
	}
	if place != "" {
		p.put("<i>id:</i> ")
		p.b = AppendText(p.b, place)
		p.put("\n")
	}
	p.put("<i>event:</i> ")
	p.b = AppendText(p.b, v.typ)
	p.put("\n<i>data:</i> ")
	var line bytes.Buffer
	if json.Compact(&line, data) == nil {
		data = line.Bytes()
	}
	p.b = AppendText(p.b, data)
	p.shut(&v.wire, "pre")
	p.raw(`</section>`)
}
