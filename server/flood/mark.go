package flood

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/mcp-cloud/telltale/shared/event"
)

// mark is what an event of ours carries in its data, as text of a fixed length: fixed, so that it is read by its position
// from the end of the frame.
type mark struct {
	run   uint32
	class event.Class
	topic uint32 // below 1<<24
	n     uint64 // 1, 2, 3, … within topic and class; below 1<<48
	at    int64  // when it was due: nanoseconds on the run's clock, below 1<<48
}

const (
	markBytes = 4 + 1 + 3 + 6 + 6
	markLen   = 2 * markBytes
	markName  = `"flood":"` // what stands before a mark
)

// types are the event types published, by class. They are not in the catalogue: their classes are those of their categories.
var types = [...]string{event.State: "flood:tick", event.Sample: "metrics:flood", event.Line: "logs:flood"}

const classes = len(types)

func (m mark) append(b []byte) []byte {
	var raw [markBytes]byte
	binary.BigEndian.PutUint32(raw[0:], m.run)
	raw[4] = byte(m.class)
	put48(raw[8:], m.n)
	put48(raw[14:], uint64(m.at))
	raw[5], raw[6], raw[7] = byte(m.topic>>16), byte(m.topic>>8), byte(m.topic)
	return hex.AppendEncode(b, raw[:])
}

func put48(b []byte, v uint64) {
	b[0], b[1] = byte(v>>40), byte(v>>32)
	binary.BigEndian.PutUint32(b[2:], uint32(v))
}

func get48(b []byte) uint64 {
	return uint64(b[0])<<40 | uint64(b[1])<<32 | uint64(binary.BigEndian.Uint32(b[2:]))
}

// parseMark reads the text of a mark, which is markLen bytes.
func parseMark(text []byte) (m mark, ok bool) {
	var raw [markBytes]byte
	for i := range raw {
		hi, lo := hexDigit[text[2*i]], hexDigit[text[2*i+1]]
		if hi|lo > 15 {
			return m, false
		}
		raw[i] = hi<<4 | lo
	}
	return mark{
		run: binary.BigEndian.Uint32(raw[0:]), class: event.Class(raw[4]),
		topic: uint32(raw[5])<<16 | uint32(raw[6])<<8 | uint32(raw[7]), n: get48(raw[8:]), at: int64(get48(raw[14:])),
	}, int(raw[4]) < classes
}

// hexDigit has the value of each lower-case digit, and 255 for all other bytes.
var hexDigit = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range []byte("0123456789abcdef") {
		t[c] = byte(i)
	}
	return t
}()

// topicName is the server id of a topic.
func topicName(topic uint32) string { return "flood-" + strconv.FormatUint(uint64(topic), 10) }

// appendDraft appends one line of NDJSON that publishes an event with the mark, and so much padding that its data is about
// size bytes where readers get it, with what the hub adds.
func appendDraft(b []byte, m mark, size int) []byte {
	b = append(b, `{"type":"`...)
	b = append(b, types[m.class]...)
	b = append(b, `","serverId":"flood-`...)
	b = strconv.AppendUint(b, uint64(m.topic), 10)
	b = append(b, `","data":{`...)
	if m.class == event.Sample {
		b = append(b, `"type":"flood","value":1,`...) // else the hub would add them, behind the mark
	}
	b = append(b, `"pad":"`...)
	for range size - bareData {
		b = append(b, padding[len(b)%len(padding)])
	}
	b = append(b, `",`+markName...)
	b = m.append(b)
	return append(b, "\"}}\n"...)
}

// bareData is about how long the data of an event is without padding.
const bareData = len(`{"id":"7f3a1c09.658512","timestamp":"2026-09-14T12:04:31.207Z","serverId":"flood-17","pad":"",`+markName+`"}`) + markLen

// padding is text that compresses about as the messages of logs do.
const padding = "index rebuilt in 912 ms, 18204 documents, container restarted after 3 failed probes; GET /mcp/tools/call 200 17.25 ms "
