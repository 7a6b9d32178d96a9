package ui

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// shortData is how much of an event's JSON a closed row has, in bytes.
const shortData = 400

func rawID(r *model.Raw) string { return "E" + strconv.FormatUint(r.N, 10) }

func (v *liveEvents) rowClass(r *model.Raw) string {
	class := "r more " + event.ClassOf(r.Type).String()
	if slices.Contains(v.opened, r.N) {
		class += " open"
	}
	if r.Before {
		class += " before"
	}
	if !v.picked.IsZero() && r.Place == v.picked {
		class += " cur"
	}
	return class
}

// appendRow appends an event as a row. What is in it was written by strangers and stays text.
func (v *liveEvents) appendRow(b []byte, r *model.Raw, there time.Time) []byte {
	b = add(b, `<div id="`)
	b = add(b, rawID(r))
	b = add(b, `" class="`)
	b = add(b, v.rowClass(r))
	b = add(b, `" tabindex="-1">`)
	b = v.appendRowInner(b, r, there)
	return add(b, `</div>`)
}

func (v *liveEvents) appendRowInner(b []byte, r *model.Raw, there time.Time) []byte {
	b = add(b, `<time>`)
	if t := r.Time.In(there.Location()); sameDay(t, there) {
		b = AppendLogTime(b, t)
	} else {
		b = t.AppendFormat(b, "2 Jan 15:04")
	}
	b = add(b, `</time><b>`)
	b = AppendText(b, r.Type)
	b = add(b, `</b><i>`)
	b = AppendText(b, r.Server)
	b = add(b, `</i><span>`)
	if !slices.Contains(v.opened, r.N) {
		b = appendFound(b, firstPart(ownFields(r.Data), shortData), v.look.Find)
		return add(b, `</span>`)
	}
	b = add(b, "</span><div class=\"along\"><pre>\n")
	var pretty bytes.Buffer
	if json.Indent(&pretty, r.Data, "", "  ") == nil {
		b = appendJSON(b, pretty.String())
	} else {
		b = AppendText(b, r.Data)
	}
	b = add(b, `</pre><p><time>`)
	b = add(b, r.Time.In(there.Location()).Format("2 Jan 2006 15:04:05.000 MST"))
	b = add(b, `</time>`)
	if !r.Place.IsZero() {
		b = add(b, `<span>place <code>`)
		b = add(b, r.Place.String())
		b = add(b, `</code></span>`)
	}
	b = add(b, `<span>`)
	b = AppendQuantity(b, float64(r.Wire()), Bytes)
	b = add(b, ` on the wire</span><button class="link" type="button" data-do="copy-raw" data-of="`)
	b = strconv.AppendUint(b, r.N, 10)
	b = add(b, `">Copy JSON</button><a class="link" href="`)
	b = AppendText(b, EventPath(r.Type))
	b = add(b, `">About this type</a>`)
	if r.Server != "" {
		b = add(b, `<a class="link" href="`)
		b = AppendText(b, ServerPath(r.Server))
		b = add(b, `">Server</a>`)
	}
	return add(b, `</p></div>`)
}

// ownFields returns the fields of an event that not all events have, in a line; or the JSON where it is no object.
func ownFields(data []byte) string {
	var b []byte
	whole := eachField(string(data), func(name, value string) {
		switch name {
		case "id", "timestamp", "serverId", "source", "type":
			return
		}
		if len(b) > 0 {
			b = add(b, "  ")
		}
		if len(b) <= shortData {
			b = add(b, name)
			b = add(b, " ")
			b = add(b, firstPart(value, shortData))
		}
	})
	if !whole {
		return string(data)
	}
	return string(b)
}
