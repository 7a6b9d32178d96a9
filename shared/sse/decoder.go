package sse

import (
	"bytes"
	"errors"
	"time"
)

// DefaultMaxSize bounds a frame when Decoder.MaxSize is zero.
const DefaultMaxSize = 1 << 20

// ErrTooLarge is returned when a line or the data of one frame outgrows Decoder.MaxSize. The stream can't be trusted
// after it: close it.
var ErrTooLarge = errors.New("sse: frame too large")

// Decoder turns the bytes of one stream into frames, whatever pieces the bytes come in. A frame is out as soon as the
// line break that ends its blank line is in; of "\r\n" the "\r" is enough. A block without data and one cut off by the end
// of the stream yield nothing, as the standard asks.
//
// The zero Decoder is ready for use. It holds at most one line and one frame, each bounded by MaxSize, and allocates
// only to grow its buffers. It must not be used by two goroutines at once.
type Decoder struct {
	// MaxSize bounds a line, and the data of a frame, in bytes.
	MaxSize int
	// Retry, when set, is called at each valid "retry:" line with the reader's new reconnection time.
	Retry func(time.Duration)
	// Comment, when set, is called with the text of each comment line. The slice is valid during the call.
	Comment func([]byte)
	// Moved, when set, is called with the last event ID that a block without data has brought, where it is another than before. There is no
	// frame for it. The slice is valid during the call.
	Moved func(id []byte)

	started bool // the place for a byte order mark is past
	afterCR bool // a "\n" now belongs to the line break before it

	line    []byte // the beginning of a line cut by the end of a chunk
	data    []byte // "data:" so far, a "\n" after each line
	event   []byte
	id      []byte // of the block being read
	lastID  []byte // as of the last blank line: what a reconnecting client says
	scratch []byte // repaired UTF-8
	err     error
}

// LastID returns the last event ID: what a client that reconnects sends as Last-Event-ID. A block sets it when its blank
// line is in, with or without data. The slice is valid until the next Push.
func (d *Decoder) LastID() []byte { return d.lastID }

// Push takes the next bytes of the stream and calls yield for each frame they complete, in order. The frame's slices are
// valid during that call only. When yield returns false, Push stops and the rest of chunk is lost. Push returns
// ErrTooLarge, then and ever after, when the stream breaks the bound; frames before it have been yielded.
func (d *Decoder) Push(chunk []byte, yield func(Frame) bool) error {
	if d.err != nil {
		return d.err
	}
	if d.afterCR && len(chunk) > 0 {
		d.afterCR = false
		if chunk[0] == '\n' {
			chunk = chunk[1:]
		}
	}
	for rest := split(chunk); ; {
		line, end := rest.next()
		if end == 0 {
			return d.keep(line)
		}
		d.afterCR = end == '\r' && len(rest.text) == 0
		if len(d.line) > 0 {
			if err := d.keep(line); err != nil {
				return err
			}
			line = d.line
			d.line = d.line[:0]
		}
		if len(line) > d.max() {
			return d.fail()
		}
		more, err := d.take(line, yield)
		if err != nil || !more {
			return err
		}
	}
}

// lines cuts text into lines, each ended by "\n", "\r" or "\r\n". It looks at each byte once for either, whichever the
// stream is written with.
type lines struct {
	text   []byte
	lf, cr int // the next of each in text, or len(text)
}

func split(text []byte) lines {
	return lines{text, index(text, '\n'), index(text, '\r')}
}

// next returns the next line without its line break, and the last byte of that; 0 and all that is left when none is there.
func (l *lines) next() (line []byte, end byte) {
	i := min(l.lf, l.cr)
	if i == len(l.text) {
		return l.text, 0
	}
	line, end = l.text[:i], l.text[i]
	i++
	if end == '\r' && i < len(l.text) && l.text[i] == '\n' {
		i, end = i+1, '\n'
	}
	l.text = l.text[i:]
	if l.lf -= i; l.lf < 0 {
		l.lf = index(l.text, '\n')
	}
	if l.cr -= i; l.cr < 0 {
		l.cr = index(l.text, '\r')
	}
	return line, end
}

// index is bytes.IndexByte with len(b) for none.
func index(b []byte, c byte) int {
	if i := bytes.IndexByte(b, c); i >= 0 {
		return i
	}
	return len(b)
}

func (d *Decoder) max() int {
	if d.MaxSize > 0 {
		return d.MaxSize
	}
	return DefaultMaxSize
}

func (d *Decoder) fail() error {
	d.err = ErrTooLarge
	d.line, d.data, d.scratch = nil, nil, nil
	return d.err
}

func (d *Decoder) keep(part []byte) error {
	if len(d.line)+len(part) > d.max() {
		return d.fail()
	}
	d.line = append(d.line, part...)
	return nil
}

// take reads one whole line, without its line break.
func (d *Decoder) take(line []byte, yield func(Frame) bool) (more bool, err error) {
	if !d.started {
		d.started = true
		line = bytes.TrimPrefix(line, []byte("\uFEFF"))
	}
	if len(line) == 0 {
		return d.dispatch(yield), nil
	}
	name, value := line, []byte(nil)
	if colon := bytes.IndexByte(line, ':'); colon >= 0 {
		name, value = line[:colon], line[colon+1:]
		if len(value) > 0 && value[0] == ' ' {
			value = value[1:]
		}
	}
	switch string(name) {
	case "":
		if d.Comment != nil {
			d.Comment(d.repair(value))
		}
	case "data":
		value = d.repair(value)
		if len(d.data)+len(value)+1 > d.max() {
			return false, d.fail()
		}
		d.data = append(append(d.data, value...), '\n')
	case "event":
		d.event = append(d.event[:0], d.repair(value)...)
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			d.id = append(d.id[:0], d.repair(value)...)
		}
	case "retry":
		if ms, ok := decimal(value); ok && d.Retry != nil {
			d.Retry(time.Duration(ms) * time.Millisecond)
		}
	}
	return true, nil
}

func (d *Decoder) dispatch(yield func(Frame) bool) bool {
	if len(d.data) == 0 {
		d.event = d.event[:0]
		if !bytes.Equal(d.lastID, d.id) {
			d.lastID = append(d.lastID[:0], d.id...)
			if d.Moved != nil {
				d.Moved(d.lastID)
			}
		}
		return true
	}
	d.lastID = append(d.lastID[:0], d.id...)
	more := yield(Frame{ID: d.lastID, Event: d.event, Data: d.data[:len(d.data)-1]})
	d.data, d.event = d.data[:0], d.event[:0]
	return more
}

// decimal reads ASCII digits only. A number beyond any useful time is held at a day.
func decimal(b []byte) (n int64, ok bool) {
	const day = 24 * 60 * 60 * 1000
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int64(c-'0'), day)
	}
	return n, len(b) > 0
}
