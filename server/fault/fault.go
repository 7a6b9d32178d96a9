// Package fault is a TCP proxy for tests that treats HTTP/1.1 streams as bad networks and bad middleboxes do. What it does is
// drawn from a seed: the connection number n of a seed meets the same faults after the same number of bytes in every run, so
// that what one run finds can be looked for again.
//
// It begins calm, and passes everything on. [Proxy.Storm] lets it loose, [Proxy.Calm] ends that: what it held back goes on at once,
// and what it broke stays broken, as in life.
package fault

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Kind is what is done to a connection. All but Repeat happen to what the server sends.
type Kind uint8

const (
	Delay    Kind = iota // the next pieces come late, one by one, in order
	Stall                // nothing is taken from the server for a while, so that its socket fills; then it goes on
	Buffer               // all is taken from the server and held back for a while; then it comes at once
	Cut                  // both sides are closed after a whole piece, in an orderly way
	Truncate             // the same in the middle of a piece, and so of an event
	Reset                // the reader gets a RST, at a boundary or before the first byte
	HalfOpen             // the server is gone, and the reader's side stays open without a byte more
	Repeat               // a Last-Event-ID is set back, so that the server sends again what the reader has
	Strip                // a Last-Event-ID is lost, so that the server sends a picture instead of what was missed
	kinds    = iota
)

var names = [kinds]string{"delay", "stall", "buffer", "cut", "truncate", "reset", "half-open", "repeat", "strip"}

func (k Kind) String() string {
	if int(k) < kinds {
		return names[k]
	}
	return "unknown"
}

// Kinds are all there are.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// Counts is how often each Kind was done.
type Counts [kinds]int

// Sum returns how many faults there were.
func (c Counts) Sum() int {
	sum := 0
	for _, n := range c {
		sum += n
	}
	return sum
}

// String says what was done, such as "3 cut, 1 reset".
func (c Counts) String() string {
	var parts []string
	for k, n := range c {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, Kind(k)))
		}
	}
	if parts == nil {
		return "no faults"
	}
	return strings.Join(parts, ", ")
}

// Options adjust a Proxy. The zero value of each field means its default.
type Options struct {
	Kinds []Kind        // what may be done: everything but Strip
	Bytes int           // how many bytes of a connection pass from one fault to the next, on average: 4 KiB
	Pause time.Duration // the longest Stall and Buffer, and all of a Delay together: 1 s
	Odds  int           // one in so many resumes is set back or stripped, where that may be done: 3
}

func (o Options) withDefaults() Options {
	if o.Kinds == nil {
		o.Kinds = []Kind{Delay, Stall, Buffer, Cut, Truncate, Reset, HalfOpen, Repeat}
	}
	if o.Bytes <= 0 {
		o.Bytes = 4 << 10
	}
	if o.Pause <= 0 {
		o.Pause = time.Second
	}
	if o.Odds <= 0 {
		o.Odds = 3
	}
	return o
}

// step is one fault of a connection.
type step struct {
	kind  Kind
	after int           // bytes that pass before it
	pause time.Duration // of Delay, Stall and Buffer
}

// plan draws what happens to one connection, in two rows that don't depend on each other: the reader's requests and the
// server's bytes come in no fixed order.
type plan struct {
	o       Options
	down    []Kind // of what the server sends
	up      []Kind // of requests
	faults  *rand.Rand
	resumes *rand.Rand
}

func newPlan(seed uint64, conn int, o Options) *plan {
	p := &plan{
		o:       o,
		faults:  rand.New(rand.NewPCG(seed, uint64(conn)<<1)),
		resumes: rand.New(rand.NewPCG(seed, uint64(conn)<<1|1)),
	}
	for _, k := range o.Kinds {
		if k == Repeat || k == Strip {
			p.up = append(p.up, k)
		} else {
			p.down = append(p.down, k)
		}
	}
	return p
}

// answered is how many bytes pass at least before a HalfOpen: an answer has begun by then. Who still waits for one waits far longer
// than a test can.
const answered = 1 << 10

// next returns the next fault; ok is false when there is none to be drawn.
func (p *plan) next() (s step, ok bool) {
	if len(p.down) == 0 {
		return s, false
	}
	s.kind = p.down[p.faults.IntN(len(p.down))]
	s.after = 1 + p.faults.IntN(2*p.o.Bytes)
	s.pause = 1 + time.Duration(p.faults.Int64N(int64(p.o.Pause)))
	if s.kind == HalfOpen {
		s.after = max(s.after, answered)
	}
	if s.kind == Reset && p.faults.IntN(3) == 0 {
		s.after = 0
	}
	return s, true
}

// resume returns what happens to a request that says where its reader was, and how many places back Repeat sets it.
func (p *plan) resume() (k Kind, back uint64, ok bool) {
	if len(p.up) == 0 || p.resumes.IntN(p.o.Odds) != 0 {
		return 0, 0, false
	}
	return p.up[p.resumes.IntN(len(p.up))], 1 + p.resumes.Uint64N(100), true
}
