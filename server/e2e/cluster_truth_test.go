package e2e

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"testing"
	"time"

	wire "github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// truth is what was recorded at which place, of every life of the log, as all who saw something of it agree. Thousands of readers can't each keep
// what they got: each keeps a sum over it, and truth has the sum of what it had to get.
type truth struct {
	t    *testing.T
	seed maphash.Seed

	mu     sync.RWMutex // guards what follows
	epochs map[uint32]map[uint64]uint64
	wrong  int
}

func newTruth(t *testing.T) *truth {
	return &truth{t: t, seed: maphash.MakeSeed(), epochs: make(map[uint32]map[uint64]uint64)}
}

// saw notes an event that somebody got, and returns its hash.
func (tr *truth) saw(e wire.Event) uint64 {
	var h maphash.Hash
	h.SetSeed(tr.seed)
	fmt.Fprintf(&h, "%v\n%s\n%s\n", e.ID, e.Server, e.Type)
	h.Write(e.Data)
	sum := h.Sum64()
	tr.mu.RLock()
	was, known := tr.epochs[e.ID.Epoch][e.ID.Seq]
	tr.mu.RUnlock()
	switch {
	case known && was != sum:
		tr.fail("two readers got different events at %v", e.ID)
	case !known:
		tr.mu.Lock()
		epoch := tr.epochs[e.ID.Epoch]
		if epoch == nil {
			epoch = make(map[uint64]uint64)
			tr.epochs[e.ID.Epoch] = epoch
		}
		epoch[e.ID.Seq] = sum
		tr.mu.Unlock()
	}
	return sum
}

func (tr *truth) fail(format string, args ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.wrong++; tr.wrong <= 10 {
		tr.t.Errorf(format, args...)
	}
}

// sums are running sums over one life of the log, for stretches of it.
type sums struct {
	places []uint64
	sum    []uint64 // of all before the place of the same index
}

func (tr *truth) sums() map[uint32]*sums {
	out := make(map[uint32]*sums)
	for epoch, events := range tr.epochs {
		s := &sums{sum: []uint64{0}}
		for place := range events {
			s.places = append(s.places, place)
		}
		slices.Sort(s.places)
		for i, place := range s.places {
			s.sum = append(s.sum, s.sum[i]+events[place])
		}
		out[epoch] = s
	}
	return out
}

// stretch returns how many events there are after a place up to another, and their sum.
func (s *sums) stretch(from, to uint64) (n int, sum uint64) {
	if s == nil {
		return 0, 0
	}
	i, _ := slices.BinarySearch(s.places, from+1)
	j, _ := slices.BinarySearch(s.places, to+1)
	if j < i {
		return 0, 0
	}
	return j - i, s.sum[j] - s.sum[i]
}

// stretch is what a reader got of one life of the log, without a hole that it knows of: all after from.
type stretch struct {
	epoch    uint32
	from, to uint64
	n        int
	sum      uint64
}

// witness follows a stream over all its connections, and keeps what it takes to say whether it missed anything.
type witness struct {
	truth  *truth
	name   string
	client *feed.Client
	ended  chan error

	mu        sync.Mutex // guards what follows
	stretches []stretch  // the last is the one it is in
	whole     bool       // what sync promised is here
	resets    int
	pending   int // times it was told that the record is away
	gaps      []wire.Gap
	last      feed.Batch
	opened    []time.Time // connections
	heard     time.Time   // it was last given anything
	silence   time.Duration
}

// witnessing starts a witness of everything, until ctx ends.
func witnessing(ctx context.Context, tr *truth, name string, source feed.Source) *witness {
	w := &witness{truth: tr, name: name, ended: make(chan error, 1)}
	w.client = &feed.Client{Source: &dated{source, w}, Handle: w.take, Backoff: feed.Backoff{Min: 200 * time.Millisecond, Max: 2 * time.Second}}
	go func() { w.ended <- w.client.Run(ctx) }()
	return w
}

// dated notes when connections were accepted.
type dated struct {
	feed.Source
	w *witness
}

func (d *dated) Open(ctx context.Context, r feed.Request) (*feed.Response, error) {
	res, err := d.Source.Open(ctx, r)
	if err == nil && res.Status == 200 {
		d.w.mu.Lock()
		d.w.opened = append(d.w.opened, time.Now())
		d.w.heard = time.Now()
		d.w.mu.Unlock()
	}
	return res, err
}

func (w *witness) take(b feed.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); len(b.Events) > 0 {
		w.silence, w.heard = max(w.silence, now.Sub(w.heard)), now
	}
	for _, e := range b.Events {
		switch e.Type {
		case wire.StreamSync.Name():
			p, err := wire.StreamSync.Decode(e.Data)
			if err != nil {
				w.truth.fail("%s: %v", w.name, err)
			}
			if p.Mode == wire.SyncResumed {
				continue
			}
			if p.Mode == wire.SyncFresh && w.whole && w.stretches[len(w.stretches)-1].to > 0 { // before the first event there is no place to come back to
				w.truth.fail("%s had everything, and was given a picture", w.name)
			}
			if p.Mode == wire.SyncReset {
				w.resets++
			}
			w.whole = false
			w.stretches = append(w.stretches, stretch{epoch: p.Place.Epoch, from: p.Place.Seq, to: p.Place.Seq})
		case wire.StreamReset.Name():
			w.whole = false
			w.resets++
		case wire.StreamHeartbeat.Name():
			w.whole = true
		case wire.StreamGap.Name():
			p, _ := wire.StreamGap.Decode(e.Data)
			switch p.Reason {
			case wire.GapPending:
				w.pending++
			case wire.GapSettled:
			case "picture": // it stood before the first event of a life of the log, which is no place to come back to, and is told what that cost
				if p.From.Seq > 0 {
					w.gaps = append(w.gaps, p)
				}
			default:
				w.gaps = append(w.gaps, p)
			}
		}
		if e.Class() == wire.Control {
			continue
		}
		sum := w.truth.saw(e)
		if len(w.stretches) == 0 {
			w.truth.fail("%s: %v comes before all else", w.name, e.ID)
			continue
		}
		s := &w.stretches[len(w.stretches)-1]
		if s.epoch == 0 { // the record was empty
			s.epoch = e.ID.Epoch
		}
		if e.ID.Epoch != s.epoch {
			w.truth.fail("%s: %v in the midst of epoch %08x", w.name, e.ID, s.epoch)
			continue
		}
		if e.ID.Seq <= s.from {
			continue // of the picture
		}
		if e.ID.Seq <= s.to {
			w.truth.fail("%s: %v comes after %d", w.name, e.ID, s.to)
			continue
		}
		s.to, s.n, s.sum = e.ID.Seq, s.n+1, s.sum+sum
	}
	b.Events = nil
	w.last = b
}

// at returns how far it has everything.
func (w *witness) at() (place wire.ID, live bool, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last.Place, w.last.State.Phase == feed.Live, fmt.Sprintf("%s is %v: %s", w.name, w.last.State.Phase, w.last.State.Reason)
}

// check wants that it got each event once and in order, after the picture that each stretch began with, up to the end, but for what it was told of.
func (w *witness) check(all map[uint32]*sums, head wire.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, s := range w.stretches {
		if i == len(w.stretches)-1 {
			if s.epoch != head.Epoch {
				w.truth.fail("%s ended in epoch %08x, want %08x", w.name, s.epoch, head.Epoch)
			}
			s.to = head.Seq
		}
		n, sum := all[s.epoch].stretch(s.from, s.to)
		if n != s.n || sum != s.sum {
			w.truth.fail("%s got %d events after %08x.%d up to %d, there are %d (same sum: %v)", w.name, s.n, s.epoch, s.from, s.to, n, sum == s.sum)
		}
	}
	for _, g := range w.gaps {
		w.truth.fail("%s: a gap: %+v", w.name, g)
	}
	if a := w.last.Account; a.Bad != 0 {
		w.truth.fail("%s: %d frames were no events", w.name, a.Bad)
	}
}

// crowd are witnesses that come and go together.
type crowd struct {
	t     *testing.T
	truth *truth
	all   []*witness
	stop  func()
}

// gather starts so many witnesses and waits until all are live.
func gather(t *testing.T, n int, source func(i int) feed.Source) *crowd {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &crowd{t: t, truth: newTruth(t)}
	for i := range n {
		c.all = append(c.all, witnessing(ctx, c.truth, fmt.Sprint("reader ", i), source(i)))
	}
	c.stop = sync.OnceFunc(func() {
		cancel()
		for _, w := range c.all {
			if err := <-w.ended; !errors.Is(err, context.Canceled) {
				t.Errorf("%s ended: %v", w.name, err)
			}
		}
	})
	t.Cleanup(c.stop)
	c.wait("all to be live", wire.ID{})
	return c
}

// wait waits until each has been live with everything up to a place. Not all at once: streams that are moved to another instance are away for a moment.
func (c *crowd) wait(what string, head wire.ID) {
	c.t.Helper()
	most := 3 * patience
	if soak() { // ten times as many, decoded in this one process
		most *= 3
	}
	began := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for left := slices.Clone(c.all); ; {
		why := ""
		left = slices.DeleteFunc(left, func(w *witness) bool {
			place, live, state := w.at()
			there := live && (head.IsZero() || place.Epoch == head.Epoch && place.Seq >= head.Seq)
			if !there {
				why = fmt.Sprintf("%s, at %v", state, place)
			}
			return there
		})
		if len(left) == 0 {
			return
		}
		if time.Since(began) > most {
			c.t.Fatalf("waited %v for %s up to %v: %d of %d are not, such as %s", most, what, head, len(left), len(c.all), why)
		}
		<-tick.C
	}
}

// check wants everybody to have got what is to be had.
func (c *crowd) check(head wire.ID) {
	c.t.Helper()
	all := c.truth.sums()
	for _, w := range c.all {
		w.check(all, head)
	}
}

// tally says what they went through.
func (c *crowd) tally() string {
	var reconnects, resets, pending, events int
	for _, w := range c.all {
		w.mu.Lock()
		reconnects += max(0, len(w.opened)-1)
		resets += w.resets
		pending += w.pending
		for _, s := range w.stretches {
			events += s.n
		}
		w.mu.Unlock()
	}
	return fmt.Sprintf("%d readers: %d events, %d connections made again, %d resets, %d times told that the record is away", len(c.all), events, reconnects, resets, pending)
}
