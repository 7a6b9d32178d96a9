package hub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
)

// big is an event with so many bytes of data.
func big(server, typ string, size int) event.Event {
	e := ev(server, typ, 0)
	e.Data = []byte(`{"a":"` + strings.Repeat("x", size-len(`{"a":""}`)) + `"}`)
	return e
}

// What a server is said to have in the picture is what it has, whatever was replaced, forgotten or added.
func TestBytesOfAServer(t *testing.T) {
	p := newPicture(10, 3)
	p.maxBytes = 1 << 20
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		typ := fmt.Sprintf("x:t%d", r.IntN(150))
		switch r.IntN(4) {
		case 0:
			typ = fmt.Sprintf("logs:l%d", r.IntN(150))
		case 1:
			typ = []string{"server:online", "metrics:cpu", "logs:app"}[r.IntN(3)]
		}
		e := big(fmt.Sprint("s", r.IntN(5)), typ, 20+r.IntN(5000))
		e.ID = place(uint64(i + 1))
		p.fold(e, event.AppendFrame(nil, e))
		s := p.servers[e.Server]
		bytes, lineBytes, lines, given := 0, 0, 0, 0
		for _, t := range s.types {
			if t.given {
				given++
			}
			if !t.line {
				bytes += weight(&event.Event{Type: t.typ, Data: t.data()})
				continue
			}
			for _, l := range t.events {
				lineBytes += len(l.frame)
				lines++
			}
		}
		if s.bytes != bytes || s.lineBytes != lineBytes || s.given != given || given > event.MaxUnknown {
			t.Fatalf("after %d events: %d bytes, %d of lines, %d given; there are %d, %d, %d", i+1, s.bytes, s.lineBytes, s.given, bytes, lineBytes, given)
		}
		if lineBytes > p.share()/2 && lines > 1 {
			t.Fatalf("after %d events: %d lines with %d bytes, want half of %d", i+1, lines, lineBytes, p.share())
		}
	}
}

// data is what was recorded of the one event of a type that is no line.
func (t *latest) data() []byte {
	head, rest, _ := strings.Cut(string(t.events[0].event.Data), ",")
	if strings.HasPrefix(head, `{"id":`) {
		return []byte("{" + rest)
	}
	return t.events[0].event.Data
}

// A line is kept however long it is, and long lines don't push each other's server out.
func TestLinesOfManyTypes(t *testing.T) {
	var events []event.Event
	for i := range 300 {
		events = append(events, big("a", fmt.Sprintf("logs:l%d", i), 200<<10), ev("b", "logs:app", i))
	}
	show := fold(t, 100, 10, events)
	if got := show("a", ""); len(got) != 2 || got[1] != "599 a logs:l299" {
		t.Errorf("got %v, want the newest two of 200 KiB", got)
	}
	if got := show("b", ""); len(got) != 100 {
		t.Errorf("got %d lines of the other", len(got))
	}
}

// What would take more of the picture than its server may have does not fit; small events, lines and what is no larger than before do.
func TestFits(t *testing.T) {
	log := newMemLog()
	h := start(t, log, Options{PictureBytes: 2 << 20})
	put(t, log, big("a", "x:one", 400<<10), ev("b", "server:online", 0))
	last := put(t, log, big("a", "x:two", 400<<10))
	waitPlace(h, h.life, last)
	for _, row := range []struct {
		name   string
		events []event.Event
		wrong  int // the event that is too much; -1: none
	}{
		{"nothing", nil, -1},
		{"what there is room for", []event.Event{big("a", "x:three", 200<<10)}, -1},
		{"more than that", []event.Event{ev("a", "server:online", 0), big("a", "x:three", 300<<10)}, 1},
		{"some that come to more together", []event.Event{big("a", "x:3", 100<<10), big("a", "x:4", 100<<10), big("a", "x:5", 100<<10)}, 2},
		{"the same type again and again", []event.Event{big("a", "x:3", 150<<10), big("a", "x:3", 150<<10), big("a", "x:3", 150<<10)}, -1},
		{"samples", []event.Event{big("a", "metrics:x", 300<<10)}, 0},
		{"lines", []event.Event{big("a", "logs:app", 300<<10), big("a", "logs:app", 300<<10)}, -1},
		{"in place of one as large", []event.Event{big("a", "x:one", 400<<10)}, -1},
		{"in place of a smaller one", []event.Event{big("a", "x:one", 500<<10), big("a", "x:two", 600<<10)}, 1},
		{"a large one in place of another, and then a small one", []event.Event{big("a", "x:one", 620<<10), big("a", "x:three", 500)}, -1},
		{"another server's", []event.Event{big("a", "x:three", 100<<10), big("b", "x:one", 900<<10), big("c", "x:one", 900<<10)}, -1},
	} {
		err := h.Fits(row.events)
		no, is := errors.AsType[*TooMuchError](err)
		if is != (row.wrong >= 0) || is && (no.Index != row.wrong || no.Server != row.events[row.wrong].Server || no.May != 1<<20 || no.Would <= no.May) {
			t.Errorf("%s: got %v", row.name, err)
		}
	}
	if err := New(newMemLog(), Options{}).Fits([]event.Event{big("a", "x:one", 900<<10), big("a", "x:two", 900<<10)}); err == nil {
		t.Error("before the picture is there everything fits")
	}
}

// A share is a power of two, from 64 KiB to 1 MiB: it does not tell how many servers there are.
func TestShare(t *testing.T) {
	p := newPicture(10, 10_000)
	for servers := range 5000 {
		share := p.share()
		equal := float64(p.maxBytes) / float64(max(1, servers))
		if share&(share-1) != 0 || share < 64<<10 || share > 1<<20 || share > 64<<10 && float64(share) > equal || share < 1<<20 && float64(share) <= equal/2 {
			t.Fatalf("%d servers: got %d", servers, share)
		}
		p.server(fmt.Sprint("s", servers))
	}
}

// One who publishes all that fits, to as many servers as there can be, comes to no more than is promised.
func TestPictureOfWhoTakesAllHeCan(t *testing.T) {
	h := New(newMemLog(), Options{PictureBytes: 8 << 20})
	p := newPicture(100, 10_000)
	p.maxBytes = h.o.PictureBytes
	h.life = &life{picture: p}
	seq, refused, total := uint64(0), 0, 0
	for s := range 200 {
		for n := range 20 {
			for _, typ := range []string{fmt.Sprintf("x:t%d", n), fmt.Sprintf("logs:l%d", n)} {
				e := big(fmt.Sprint("s", s), typ, 100<<10)
				if h.Fits([]event.Event{e}) != nil {
					refused++
					continue
				}
				seq++
				e.ID = place(seq)
				p.fold(e, event.AppendFrame(nil, e))
			}
		}
	}
	for _, s := range p.servers {
		total += s.bytes + s.lineBytes
	}
	if total > 64<<20 || refused < 3000 {
		t.Errorf("%d MiB of 800 are kept, %d were refused", total>>20, refused)
	}
	if err := h.Fits([]event.Event{big("s0", "server:online", light)}); err != nil {
		t.Errorf("a small one: %v", err)
	}
}
