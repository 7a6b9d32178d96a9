package event

import (
	"bytes"

	"github.com/mcp-cloud/telltale/shared/sse"
)

// The parts of a line that AppendLine writes.
var (
	lineID    = []byte(`{"id":"`)
	lineEvent = []byte(`","event":"`)
	lineData  = []byte(`","data":`)
)

// AppendLine appends the event as one line of NDJSON, as the record is read back: {"id":place,"event":type,"data":{…}}.
func AppendLine(b []byte, e Event) []byte {
	b = append(b, lineID...)
	b = e.ID.Append(b)
	b = append(b, lineEvent...)
	b = append(b, e.Type...)
	b = append(b, lineData...)
	b = AppendJSON(b, e)
	return append(b, '}', '\n')
}

// ParseLine reads what AppendLine writes, and only that. Data shares the line's memory; else it is as Parse.
func ParseLine(line []byte) (Event, error) {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	rest, ok := bytes.CutPrefix(line, lineID)
	id, rest, ok1 := bytes.Cut(rest, lineEvent)
	typ, data, ok2 := bytes.Cut(rest, lineData)
	if data, ok3 := bytes.CutSuffix(data, []byte{'}'}); ok && ok1 && ok2 && ok3 {
		return Parse(sse.Frame{ID: id, Event: typ, Data: data})
	}
	return Event{}, ErrData
}
