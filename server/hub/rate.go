package hub

import (
	"bytes"
	"container/list"
	"context"
	"math"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// A pacing is for a feed that shows its cursors what it is given now and then instead of at once: after a showing the next
// comes when an interval is over. What comes to a feed that showed nothing for that long is shown at once, and a state event
// is never kept waiting: everything before it is shown with it. So all is shown in the order of places, and the place that the
// feed is complete up to is that before the first which still waits.
//
// There are two kinds. With Options.Window every feed waits, so that what comes within a window goes out together. And a reader
// may ask for few samples, see SubscribeEvery: there, those in between are left out.
//
// It is guarded by Hub.mu.
type pacing struct {
	every  time.Duration
	thin   bool          // of the samples of an interval only the newest of each server and type is shown
	until  time.Duration // by the hub's clock: nothing but state is shown before
	late   bool          // in Hub.late
	urgent bool          // show it all now

	first uint64 // place of the first frame in the feed that is not shown; zero: all are. Thin feeds have none for long.

	// What waits, where thin; it is not in the feed yet.
	order  list.List // of *waiting, by place
	newest map[sampleKey]*list.Element
	bytes  int // of frames
}

// waiting is one frame that is not in the feed yet.
type waiting struct {
	seq   uint64
	frame []byte
	key   sampleKey // zero for lines
}

const (
	// tick is what intervals are rounded up to, so that many feeds are shown in one go.
	tick = 10 * time.Millisecond
	// releaseFrames is how many frames one look at a thin feed moves into it, with Hub.mu held.
	releaseFrames = 1024
	// waitBytes bounds what waits in one thin feed: some 60,000 samples. Beyond it, it is shown before its time.
	waitBytes = 16 << 20
	never     = time.Duration(math.MaxInt64)
)

func newPacing(every time.Duration, thin bool) *pacing {
	p := &pacing{every: every, thin: thin}
	if thin {
		p.newest = make(map[sampleKey]*list.Element)
	}
	return p
}

// oldest returns the first place that is not shown, zero when all are.
func (p *pacing) oldest() uint64 {
	if p.first > 0 {
		return p.first
	}
	if front := p.order.Front(); front != nil {
		return front.Value.(*waiting).seq
	}
	return 0
}

// next returns when the showing after one at now may be.
func (p *pacing) next(now time.Duration) time.Duration {
	if !p.thin {
		return now - now%p.every + p.every // all feeds at the same moments
	}
	at := now + p.every + tick - 1
	return at - at%tick
}

// wait makes a frame wait, in the place of an older one of its kind.
func (p *pacing) wait(e event.Event, frame []byte) {
	sample := e.Class() == event.Sample
	key := sampleKey{e.Server, e.Type}
	if sample {
		if el := p.newest[key]; el != nil {
			w := el.Value.(*waiting)
			p.bytes += len(frame) - len(w.frame)
			w.seq, w.frame = e.ID.Seq, append(w.frame[:0], frame...)
			p.order.MoveToBack(el)
			return
		}
	}
	w := &waiting{seq: e.ID.Seq, frame: bytes.Clone(frame)}
	el := p.order.PushBack(w)
	p.bytes += len(frame)
	if sample {
		w.key = key
		p.newest[key] = el
	}
}

// put takes an event that passes the filter of a paced feed.
func (f *feed) put(e event.Event, frame []byte, chunkBytes int) {
	p := f.pacing
	switch {
	case e.Class() == event.State:
		f.release(math.MaxInt, chunkBytes)
		f.add(e.ID.Seq, frame, chunkBytes)
		p.urgent = true
	case p.thin:
		p.wait(e, frame)
		return
	default:
		f.add(e.ID.Seq, frame, chunkBytes)
	}
	if p.first == 0 {
		p.first = e.ID.Seq
	}
}

// release moves up to n of the frames that wait into a thin feed.
func (f *feed) release(n, chunkBytes int) {
	p := f.pacing
	for ; n > 0 && p.order.Len() > 0; n-- {
		w := p.order.Remove(p.order.Front()).(*waiting)
		if w.key != (sampleKey{}) {
			delete(p.newest, w.key)
		}
		p.bytes -= len(w.frame)
		if p.first == 0 {
			p.first = w.seq
		}
		f.add(w.seq, w.frame, chunkBytes)
	}
}

// severed forgets what waits: the feed's cursors are about to read it from the record.
func (p *pacing) severed() {
	p.order.Init()
	clear(p.newest)
	p.first, p.bytes, p.urgent = 0, 0, true
}

// complete returns the place up to which the feed's cursors have been shown all that they will be.
//
// The life's place has to be read first: whatever waits was noted before that place was raised to it, and is in the feed before
// the note is taken away. So who reads first the place, then the note and then the feed's end, as Cursor.Place does, never
// takes one of these for complete that he has not seen.
func (f *feed) complete(l *life) uint64 {
	place := l.place.Load()
	if owed := f.owed.Load(); owed > 0 {
		place = min(place, owed-1)
	}
	return place
}

// now is the hub's clock.
func (h *Hub) now() time.Duration { return time.Since(h.began) }

// show publishes what the feed was given, unless it has to wait. It reports whether the feed's cursors are to be woken. Hub.mu is held.
func (h *Hub) show(l *life, f *feed, limit int, now time.Duration) bool {
	p := f.pacing
	if p == nil {
		f.publish(limit)
		return true
	}
	if !p.urgent && now < p.until && p.bytes <= h.waitLimit(l) {
		f.dirty = false
		f.owed.Store(p.oldest())
		h.await(f)
		return false
	}
	if p.urgent {
		f.release(math.MaxInt, h.o.ChunkBytes)
	} else {
		f.release(releaseFrames, h.o.ChunkBytes)
	}
	f.publish(limit)
	p.first, p.urgent = 0, false
	f.owed.Store(p.oldest())
	p.until = p.next(now)
	if p.order.Len() > 0 {
		p.until = now
		h.await(f)
	}
	return true
}

// waitLimit returns how many bytes may wait in one feed now: all of them together no more than Options.Memory.
func (h *Hub) waitLimit(l *life) int {
	return min(waitBytes, max(h.o.Memory/max(1, len(l.feeds)), 2*h.o.ChunkBytes))
}

// await has the feed shown when its interval is over. Hub.mu is held.
func (h *Hub) await(f *feed) {
	if !f.pacing.late {
		f.pacing.late = true
		h.late = append(h.late, f)
	}
	if f.pacing.until < h.lateDue {
		h.lateDue = f.pacing.until
		select {
		case h.tock <- struct{}{}:
		default:
		}
	}
}

// showLate shows the feeds whose interval is over, and returns those whose cursors have to be woken.
func (h *Hub) showLate() (shown []*feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	l := h.life
	if l == nil || now < h.lateDue {
		return nil
	}
	limit := h.feedLimit(l)
	late := h.late
	h.late, h.lateDue = h.lateSpare[:0], never
	for i, f := range late {
		late[i] = nil
		f.pacing.late = false
		if now < f.pacing.until {
			h.await(f)
		} else if h.show(l, f, limit, now) {
			shown = append(shown, f)
		}
	}
	h.lateSpare = late
	return shown
}

// showAll shows all that waits, at the end of a life. Hub.mu is held.
func (h *Hub) showAll(l *life) {
	for _, f := range h.late {
		f.pacing.late, f.pacing.urgent = false, true
		h.show(l, f, math.MaxInt, h.now())
	}
	clear(h.late)
	h.late, h.lateDue = h.late[:0], never
}

// runLate shows late feeds in time, until ctx ends.
func (h *Hub) runLate(ctx context.Context) {
	timer := time.NewTimer(0)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.tock:
		case <-timer.C:
		}
		for _, f := range h.showLate() {
			f.ring(&h.crowds)
		}
		h.mu.Lock()
		due := h.lateDue
		h.mu.Unlock()
		if due < never {
			timer.Reset(due - h.now())
		}
	}
}

// sparse returns the events without the samples that a newer one of their server and type follows in the same interval, by
// their own times: for readers who ask for few and catch up.
func sparse(events []event.Event, every time.Duration) []event.Event {
	type last struct {
		at    int // in out
		begun time.Time
	}
	kept := make(map[sampleKey]last)
	out := make([]event.Event, 0, len(events))
	for _, e := range events {
		if e.Class() == event.Sample {
			key := sampleKey{e.Server, e.Type}
			now := last{len(out), e.Time}
			if old, ok := kept[key]; ok && e.Time.Sub(old.begun).Abs() < every {
				out[old.at] = event.Event{}
				now.begun = old.begun
			}
			kept[key] = now
		}
		out = append(out, e)
	}
	n := 0
	for _, e := range out {
		if !e.ID.IsZero() {
			out[n] = e
			n++
		}
	}
	return out[:n]
}
