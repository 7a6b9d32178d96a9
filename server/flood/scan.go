package flood

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// maxFrame bounds one frame, and so what a scanner holds.
const maxFrame = 1 << 20

var errFrame = errors.New("flood: a frame has no end")

// scanner cuts a stream into frames, whatever pieces it comes in. It is sse.Decoder for a stream whose line breaks are all
// "\n", which is how Telltale and the baselines write: the frame is handed out as it stands and its lines are not looked
// at, which is what makes it cheap. The zero scanner is ready for use.
type scanner struct {
	held []byte // the beginning of a frame cut by the end of a piece
}

// push calls yield for each frame that b completes, without its blank line. The frame is valid during the call.
func (s *scanner) push(b []byte, yield func(frame []byte)) error {
	if n := len(s.held); n > 0 && len(b) > 0 {
		if s.held[n-1] == '\n' && b[0] == '\n' {
			b = b[1:]
		} else {
			i := blankLine(b)
			if i < 0 {
				return s.hold(b)
			}
			if err := s.hold(b[:i+1]); err != nil {
				return err
			}
			b = b[i+2:]
		}
		yield(s.held[:len(s.held)-1])
		s.held = s.held[:0]
	}
	for {
		i := blankLine(b)
		if i < 0 {
			return s.hold(b)
		}
		yield(b[:i])
		b = b[i+2:]
	}
}

func (s *scanner) hold(b []byte) error {
	if len(s.held)+len(b) > maxFrame {
		return errFrame
	}
	s.held = append(s.held, b...)
	return nil
}

// blankLine returns where the first "\n\n" is, or -1.
func blankLine(b []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return -1
		}
		if at += i + 1; at == len(b) {
			return -1
		}
		if b[at] == '\n' {
			return at - 1
		}
	}
}

// markOf finds the mark of a frame: at its end, where it is unless somebody has added fields.
func markOf(frame []byte) (mark, bool) {
	end := len(frame)
	for end > 0 && frame[end-1] == '}' {
		end--
	}
	if n := end - len(markName) - markLen - 1; n >= 0 && frame[end-1] == '"' && string(frame[n:n+len(markName)]) == markName {
		return parseMark(frame[n+len(markName):])
	}
	i := bytes.Index(frame, []byte(markName))
	if i < 0 || len(frame) < i+len(markName)+markLen {
		return mark{}, false
	}
	return parseMark(frame[i+len(markName):])
}

// idOf returns the frame's id as text, or nil. Telltale and the baselines write the id first.
func idOf(frame []byte) []byte {
	if len(frame) < 4 || string(frame[:4]) != "id: " {
		return nil
	}
	line, _, _ := bytes.Cut(frame[4:], []byte{'\n'})
	return line
}

// chunked takes the framing of a chunked body off. The zero value is at the beginning of one.
type chunked struct {
	state chunkState
	left  int    // of the chunk's data
	line  []byte // the beginning of a size line or trailer that was cut
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkData
	chunkEnd // the line break behind the data
	chunkLast
	chunkDone
)

// push calls yield with each stretch of the body in b, and reports whether the body has ended.
func (c *chunked) push(b []byte, yield func([]byte) error) (done bool, err error) {
	for len(b) > 0 {
		switch c.state {
		case chunkData:
			n := min(c.left, len(b))
			if err := yield(b[:n]); err != nil {
				return false, err
			}
			b = b[n:]
			if c.left -= n; c.left == 0 {
				c.state = chunkEnd
			}
		case chunkDone:
			return true, errors.New("flood: bytes behind the end of a chunked body")
		default:
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				if len(c.line)+len(b) > 4096 {
					return false, errors.New("flood: a chunk's size has no end")
				}
				c.line = append(c.line, b...)
				return false, nil
			}
			c.line = append(c.line, b[:i]...)
			b = b[i+1:]
			if err := c.take(bytes.TrimSuffix(c.line, []byte{'\r'})); err != nil {
				return false, err
			}
			c.line = c.line[:0]
		}
	}
	return c.state == chunkDone, nil
}

// take reads one line between the chunks.
func (c *chunked) take(line []byte) error {
	switch c.state {
	case chunkEnd:
		if len(line) > 0 {
			return fmt.Errorf("flood: %.20q where a chunk should end", line)
		}
		c.state = chunkSize
	case chunkLast: // trailers, and the empty line after them
		if len(line) == 0 {
			c.state = chunkDone
		}
	default:
		size, _, _ := bytes.Cut(line, []byte{';'})
		n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 31)
		if err != nil {
			return fmt.Errorf("flood: %.20q is not the size of a chunk", line)
		}
		c.state, c.left = chunkData, int(n)
		if n == 0 {
			c.state = chunkLast
		}
	}
	return nil
}
