package hub

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Options adjust a Hub. The zero value of each field means its default.
type Options struct {
	// FeedBytes is how much of its recent wire bytes a feed keeps for those who come back: 1 MiB. Up to one chunk more is
	// held. Who missed more reads it from the record.
	FeedBytes int
	// Memory bounds all feeds together: 256 MiB. When there are so many that each can't have FeedBytes, each busy one
	// keeps an equal share, but at least two chunks.
	Memory int
	// ChunkBytes is the size of a full-grown chunk, and so about the most that a slow cursor pins: 64 KiB.
	ChunkBytes int
	// Lines is how many of the newest lines a newcomer is shown, beside the newest four of each server: 100.
	Lines int
	// MaxServers is how many servers the picture remembers: 10,000. Beyond it the one longest silent is forgotten there; the
	// record still has its events.
	MaxServers int
	// PictureBytes is what is shared out among the servers of the picture: see Fits. 128 MiB. What has been recorded is shown even so, but for lines.
	PictureBytes int
	// Linger is how long a feed without cursors is kept for those who come back: a minute, or less where there are too many of them.
	Linger time.Duration
	// Readers is how many cursors may read the record at the same time; the others wait for their turn: 4.
	Readers int
	// PageBytes bounds what is kept of pages that were read for some who catch up, for the others: 16 MiB.
	PageBytes int
	// Window is how long lines and samples wait, at most, for others that go to the same readers, once some have just gone
	// out; state never waits. Not at all unless set.
	Window time.Duration
	// PageEvents is how many events a cursor that catches up reads at a time, and so bounds its memory: 256.
	PageEvents int
}

const defaultPictureBytes = 128 << 20

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.FeedBytes, 1<<20)
	def(&o.Memory, 256<<20)
	def(&o.ChunkBytes, 64<<10)
	def(&o.Lines, 100)
	def(&o.MaxServers, 10_000)
	def(&o.PictureBytes, defaultPictureBytes)
	def(&o.Readers, 4)
	def(&o.PageEvents, 256)
	def(&o.PageBytes, 16<<20)
	if o.Linger <= 0 {
		o.Linger = time.Minute
	}
	return o
}

var (
	// ErrNotReady is returned while the picture is being made from the record: at the start, and when the log begins anew.
	ErrNotReady = errors.New("hub: not ready")
	// ErrClosed is returned when Run has ended, and by a cursor after its Close.
	ErrClosed = errors.New("hub: closed")
	// ErrReset is returned by a cursor when the log began anew: its places mean nothing any more. Subscribe afresh.
	ErrReset = errors.New("hub: the log began anew")
	// ErrBehind is returned by TryNext when the next bytes have to be read from the record, which takes time: call Next.
	ErrBehind = errors.New("hub: the next bytes have to be read from the record")
)

// Hub hands out what is recorded in one log. All its methods may be called at once from any number of goroutines.
type Hub struct {
	log     journal.Log
	o       Options
	ready   chan struct{}
	running atomic.Bool
	count   counters
	readers chan struct{} // one token for each reader of the record

	names atomic.Pointer[names] // nil before the first life

	gather sync.Mutex // held while waiting for mu to look at the picture, so that the loop waits for one who looks and not for all
	mu     sync.Mutex // guards what follows, the feeds' maps and writing side, and the picture
	life   *life      // nil: not ready, or closed
	closed bool
	turned chan struct{} // closed when life changes

	// Only the loop touches these.
	frame []byte  // wire bytes of the event in hand
	dirty []*feed // written to since the last publish

	crowds sync.WaitGroup // goroutines that wake many at once
	pages  pages

	// Feeds that show some of what they were given later; see pacing. Guarded by mu.
	late, lateSpare []*feed
	lateDue         time.Duration // when the first of them is due
	tock            chan struct{} // holds a token when that has become sooner
	began           time.Time
}

// A life is one epoch of the log, from when its picture was made until it ends: by a new epoch, a log put back to an
// older copy, or the end of Run.
type life struct {
	epoch uint32
	// place is the newest sequence number that all feeds have: it is stored after what it vouches for was published.
	place atomic.Uint64
	over  atomic.Pointer[error] // why it ended; nil while it lasts; set before all are woken

	// Guarded by Hub.mu.
	picture *picture
	// hole: of events up to this place some may have been trimmed before the picture saw them.
	hole  uint64
	feeds map[string]*feed   // by Filter.Key
	named map[string][]*feed // by server, those whose filter names its servers
	wide  []*feed            // the others
	// resting are the feeds that have no cursor, the one that has had none for longest first.
	resting list.List
}

func (l *life) id(seq uint64) event.ID {
	if seq == 0 {
		return event.ID{}
	}
	return event.ID{Epoch: l.epoch, Seq: seq}
}

// New returns a Hub for the log. It does nothing until Run.
func New(log journal.Log, o Options) *Hub {
	o = o.withDefaults()
	return &Hub{log: log, o: o, ready: make(chan struct{}), readers: make(chan struct{}, o.Readers), pages: pages{max: o.PageBytes},
		turned: make(chan struct{}), lateDue: never, tock: make(chan struct{}, 1), began: time.Now()}
}

// Ready is closed when the picture was made for the first time and Subscribe works.
func (h *Hub) Ready() <-chan struct{} { return h.ready }

// Run makes the picture from the record and then hands out each event as it is recorded, until ctx ends or the log fails. It
// returns ctx's error or the log's, wrapped, when all that it started has stopped; from then on cursors get ErrClosed after
// what was published. It may be called once.
func (h *Hub) Run(ctx context.Context) error {
	if h.running.Swap(true) {
		return errors.New("hub: Run called twice")
	}
	ctx, cancel := context.WithCancel(ctx)
	var sweeper sync.WaitGroup
	sweeper.Go(func() { h.sweep(ctx) })
	sweeper.Go(func() { h.runLate(ctx) })
	err := h.run(ctx)
	cancel()
	sweeper.Wait()

	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.end(ErrClosed)
	h.crowds.Wait()
	return err
}

// lasted is how long a life has to have lasted to be none of those that never began: a store that is emptied now and then is no
// failure of the log.
const lasted = time.Second

// errAnew is what the loop's Tail ends with when an event can't follow the last one in this life.
var errAnew = errors.New("the log began anew")

func (h *Hub) run(ctx context.Context) error {
	idle := 0 // lives in a row that ended before they brought an event
	for {
		l, err := h.begin(ctx)
		if errors.Is(err, journal.ErrUnavailable) { // a store that is away comes back; the log itself waits a while before it says so
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		if err != nil && !errors.Is(err, journal.ErrGone) {
			return fmt.Errorf("hub: read the record: %w", err)
		}
		if err == nil {
			began := time.Now()
			err = h.log.Tail(ctx, l.id(l.place.Load()), func(batch []event.Event) error {
				idle = 0
				return h.apply(l, batch)
			})
			if !errors.Is(err, journal.ErrGone) && !errors.Is(err, errAnew) {
				return fmt.Errorf("hub: tail the record: %w", err)
			}
			if time.Since(began) > lasted {
				idle = 0
			}
		}
		if idle++; idle > 3 {
			return fmt.Errorf("hub: tail the record: %w", err)
		}
		h.end(ErrReset)
	}
}

// begin reads the whole record into a picture and starts a life with it.
func (h *Hub) begin(ctx context.Context) (*life, error) {
	bounds, err := h.log.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	l := &life{
		epoch:   bounds.Epoch,
		picture: newPicture(h.o.Lines, h.o.MaxServers),
		feeds:   make(map[string]*feed),
		named:   make(map[string][]*feed),
	}
	l.picture.maxBytes = h.o.PictureBytes
	q := journal.Query{Limit: journal.MaxLimit, AcrossTrimmed: true}
	for {
		page, err := h.log.Read(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Events {
			h.frame = event.AppendFrame(h.frame[:0], e)
			l.picture.fold(e, h.frame)
		}
		q.After = page.Next
		if !page.More {
			break
		}
	}
	if !q.After.IsZero() {
		l.epoch = q.After.Epoch
	}
	l.place.Store(q.After.Seq)
	if !q.After.IsZero() {
		// What was trimmed before it was read, to the end of reading.
		page, err := h.log.Read(ctx, journal.Query{After: l.id(1), Limit: 1, AcrossTrimmed: true})
		if err != nil {
			return nil, err
		}
		l.hole = min(max(page.Trimmed.To.Seq, 1), q.After.Seq)
	}

	h.mu.Lock()
	h.begun(l)
	h.mu.Unlock()
	select {
	case <-h.ready:
	default:
		close(h.ready)
	}
	return l, nil
}

// Turned reports whether Subscribe works, and returns a channel that is closed when that changes: ask again then.
func (h *Hub) Turned() (ready bool, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.life != nil, h.turned
}

// begun changes the present life. h.mu is held.
func (h *Hub) begun(l *life) {
	h.life = l
	if l != nil {
		next := &names{now: &l.picture.names}
		if last := h.names.Load(); last != nil {
			next.before = last.now
		}
		h.names.Store(next)
	}
	close(h.turned)
	h.turned = make(chan struct{})
}

// end ends the present life, if there is one: its cursors get what was published, and then err.
func (h *Hub) end(err error) {
	h.mu.Lock()
	l := h.life
	h.begun(nil)
	if l != nil {
		h.showAll(l)
	}
	h.mu.Unlock()
	if l == nil {
		return
	}
	l.over.Store(&err)
	for _, f := range l.feeds { // nobody adds any more: Subscribe looks at h.life under the lock
		f.ring(&h.crowds)
	}
}

// applyEvents is how many events are handed out before cursors see them and newcomers get their turn at the lock.
const applyEvents = 128

// apply encodes each event once and appends it to the feeds it passes. It never waits for a cursor.
func (h *Hub) apply(l *life, batch []event.Event) error {
	for len(batch) > 0 {
		n := min(len(batch), applyEvents)
		err := h.applyPart(l, batch[:n])
		for i, f := range h.dirty {
			f.ring(&h.crowds)
			h.dirty[i] = nil
		}
		h.dirty = h.dirty[:0]
		if err != nil {
			return err
		}
		batch = batch[n:]
	}
	return nil
}

func (h *Hub) applyPart(l *life, part []event.Event) (err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	place := l.place.Load()
	for _, e := range part {
		if e.ID.Epoch != l.epoch || e.ID.Seq <= place {
			err = fmt.Errorf("%w: %s after %s", errAnew, e.ID, l.id(place))
			break
		}
		if e.ID.Seq != place+1 {
			// Retention took events that the loop had not seen: places rise by one.
			l.hole = e.ID.Seq - 1
			for _, f := range l.feeds {
				h.mark(f)
				f.sever(e.ID.Seq)
			}
		}
		place = e.ID.Seq
		h.frame = event.AppendFrame(h.frame[:0], e)
		h.count.events.Add(1)
		h.count.bytes.Add(int64(len(h.frame)))
		l.picture.fold(e, h.frame)
		for _, f := range l.named[e.Server] {
			if f.filter.MatchType(e.Type) {
				h.add(f, e)
			}
		}
		for _, f := range l.wide {
			if f.filter.Match(e.Server, e.Type) {
				h.add(f, e)
			}
		}
	}
	limit := h.feedLimit(l)
	now, shown := h.now(), h.dirty[:0]
	for _, f := range h.dirty {
		if h.show(l, f, limit, now) {
			shown = append(shown, f)
		}
	}
	clear(h.dirty[len(shown):])
	h.dirty = shown
	l.place.Store(place)
	return err
}

func (h *Hub) add(f *feed, e event.Event) {
	h.mark(f)
	if f.pacing != nil {
		f.put(e, h.frame, h.o.ChunkBytes)
		return
	}
	f.add(e.ID.Seq, h.frame, h.o.ChunkBytes)
}

func (h *Hub) mark(f *feed) {
	if !f.dirty {
		f.dirty = true
		h.dirty = append(h.dirty, f)
	}
}

// feedLimit returns how much each feed may keep now.
func (h *Hub) feedLimit(l *life) int {
	share := h.o.Memory / max(1, len(l.feeds))
	return min(h.o.FeedBytes, max(share, 2*h.o.ChunkBytes))
}
