package flood

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// body reads one HTTP/1.1 response: its head, and then the body by whichever framing the head says. The zero body is at the
// beginning of one.
type body struct {
	head    []byte // as far as it is in
	status  int    // 0: the head is not in yet
	framed  bool   // chunked; else up to the end of the connection
	chunked chunked
}

// push takes the next bytes and calls yield with stretches of the body. It reports whether the body has ended. Of answers
// other than 200 it yields nothing.
func (r *body) push(b []byte, yield func([]byte) error) (done bool, err error) {
	if r.status == 0 {
		had := len(r.head)
		r.head = append(r.head, b...)
		end := bytes.Index(r.head, []byte("\r\n\r\n"))
		if end < 0 {
			if len(r.head) > 64<<10 {
				return false, errors.New("flood: the head of an answer has no end")
			}
			return false, nil
		}
		if err := r.parse(string(r.head[:end])); err != nil {
			return false, err
		}
		b = b[end+4-had:]
		r.head = nil
	}
	switch {
	case r.status != 200:
		return true, nil
	case r.framed:
		return r.chunked.push(b, yield)
	case len(b) == 0:
		return false, nil
	}
	return false, yield(b)
}

func (r *body) parse(head string) error {
	line, rest, _ := strings.Cut(head, "\r\n")
	version, status, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(status, " ")
	n, err := strconv.Atoi(code)
	if err != nil || !strings.HasPrefix(version, "HTTP/1.") {
		return errors.New("flood: the answer is not HTTP/1: " + strconv.Quote(line))
	}
	r.status = n
	for line := range strings.SplitSeq(rest, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(name, "Transfer-Encoding") {
			r.framed = strings.EqualFold(strings.TrimSpace(value), "chunked")
		}
	}
	return nil
}
