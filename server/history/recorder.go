package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

const (
	// DefaultAge is a day and an hour: a chart of the last day, opened a little late, is whole.
	DefaultAge = 25 * time.Hour
	// MinAge and MaxAge are what an age may sensibly be: a chart of a quarter of a year reads a few megabytes.
	MinAge = time.Hour
	MaxAge = 90 * 24 * time.Hour
	// Late is how much older than the newest sample of its metric one may be to be folded in, and how far ahead of our clock: clocks
	// differ, agents send in bursts. It is also what must pass before the past is final.
	Late = 5 * time.Minute
	// fine is for how long seconds are kept: an hour, and some more, as who asks for the last hour reckons by a clock of his own.
	fine = time.Hour + Late
	// writeEvery is how often what changed is written.
	writeEvery = time.Minute
	// writeAfter is after how many samples it is written sooner: some 12 MB of the record, a third of what it holds.
	writeAfter = 50_000
	// tidyEvery is how often the shelf is rid of what is too old.
	tidyEvery = 10 * time.Minute
	// again is when something is tried again that failed.
	again = time.Second
	// farewell bounds what is written when Run ends: nobody waits longer for a process to end, and the record knows it all.
	farewell = 5 * time.Second
)

// Bounds of what is kept.
const (
	MaxTypes  = 100    // metrics of one server that are not in the catalogue
	MaxSeries = 10_000 // metrics of all servers together
	// maxBlocks in memory, and those of one batch: the shelf fails for minutes, or samples jump about in time. Then nothing is folded until they are written and let go.
	maxBlocks = 6 * MaxSeries
	// partBytes is how much is put on the shelf at a time, as publishers wait meanwhile.
	partBytes = 1 << 20
)

// heads is the drawer of heads. It is no level's.
const heads = "heads"

// ErrUnknown means that nothing is known of a metric of a server.
var ErrUnknown = errors.New("no such metric of such a server")

// Record is what a Recorder follows and writes to: both engines are one.
type Record interface {
	journal.Log
	journal.Shelf
}

// Options of New. The zero value is good.
type Options struct {
	Age    time.Duration    // for how long minutes are kept; 0: DefaultAge
	Logger *slog.Logger     // is told what no caller can be; nil: nobody is
	Now    func() time.Time // what is too old or ahead; nil: time.Now
}

// Recorder makes the history of a record and answers from it. Make it with New.
type Recorder struct {
	log    Record
	keep   [len(levels)]time.Duration // how long buckets of each level are kept
	now    func() time.Time
	logger *slog.Logger
	only   event.Filter // metrics
	part   int          // bytes put on the shelf at a time
	most   int          // blocks in memory
	ready  chan struct{}

	mu     sync.RWMutex // guards series, and all in it, for those who query
	series map[id]*series

	working sync.Mutex // held while something is folded or written; guards what follows, and series against changes
	loaded  bool
	place   event.ID       // up to which all is folded in
	mark    event.ID       // of the shelf, as last seen
	since   int            // samples folded since something was written
	blocks  int            // in memory
	types   map[string]int // metrics that are not the catalogue's, by server
	gone    map[id]bool    // what was forgotten and is on the shelf
	full    bool           // more metrics than are kept, and it was said
	failing bool           // and it was said
	tidied  time.Time      // when the shelf was rid of what is too old

	damaged atomic.Bool // something on the shelf, and it was said
}

// id is whose history it is.
type id struct{ server, typ string }

// name is the id on the shelf. Neither half can hold a zero byte.
func (k id) name() string { return k.server + "\x00" + k.typ }

// series is one metric of one server.
type series struct {
	head
	fields  int
	blocks  map[at]*block
	dirty   bool // the head is newer than that on the shelf
	counted bool // among the types of its server
}

// at is where a block is: the level, and when it begins in milliseconds.
type at struct {
	level int
	start int64
}

// key is where a block is on the shelf. Drawers are in the order of their times.
func (a at) key(name string) journal.BlockKey {
	return journal.BlockKey{Drawer: drawer(a.level, a.start), Name: name}
}

func drawer(level int, start int64) string {
	l := &levels[level]
	return fmt.Sprintf("%s%012d", l.letter, start/l.span())
}

// New returns a Recorder.
func New(log Record, o Options) *Recorder {
	r := &Recorder{
		log: log, now: o.Now, logger: o.Logger, part: partBytes, most: maxBlocks, ready: make(chan struct{}),
		keep:   [len(levels)]time.Duration{fine, cmp.Or(o.Age, DefaultAge)},
		series: make(map[id]*series), types: make(map[string]int), gone: make(map[id]bool),
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.logger == nil {
		r.logger = slog.New(slog.DiscardHandler)
	}
	only, err := event.ParseFilter("", "metrics:*")
	if err != nil { // it is a constant
		panic(err)
	}
	r.only = only
	return r
}

// Ready is closed when all that was recorded before Run began has been folded in.
func (r *Recorder) Ready() <-chan struct{} { return r.ready }

// Run follows the record until ctx ends; then it folds in what is left, writes what it has, and returns ctx's error. A record that is closed is
// the only other end.
func (r *Recorder) Run(ctx context.Context) error {
	var writing sync.WaitGroup
	inner, stop := context.WithCancel(ctx)
	writing.Go(func() { r.keepWriting(inner) })
	err := r.follow(ctx)
	stop()
	writing.Wait()
	if ctx.Err() == nil {
		return err
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := r.finish(last); err != nil {
		r.logger.Warn("What samples came to could not be written. It is made of the record again at the next start.", "err", err)
	}
	return ctx.Err()
}

// finish folds in what is left, and writes.
func (r *Recorder) finish(ctx context.Context) error {
	r.working.Lock()
	defer r.working.Unlock()
	if !r.loaded {
		return nil
	}
	if err := r.catchUp(ctx); err != nil {
		return err
	}
	return r.write(ctx)
}

// follow folds in what is recorded until ctx ends or the record is closed.
func (r *Recorder) follow(ctx context.Context) error {
	for {
		err := r.begin(ctx)
		if err == nil {
			r.working.Lock()
			from := r.place
			r.working.Unlock()
			err = r.log.Tail(ctx, from, func(batch []event.Event) error {
				r.working.Lock()
				defer r.working.Unlock()
				return r.fold(ctx, batch)
			})
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, journal.ErrClosed) {
			return err
		}
		switch gone, ok := errors.AsType[*journal.GoneError](err); {
		case !ok:
			r.working.Lock()
			r.failed(err)
			r.working.Unlock()
		case gone.Reason != journal.GoneTrimmed: // else begin reads on behind it, and says so
			r.logger.Warn("The record has lost what its history was made of, or begun anew. History goes on from what is kept of it.", "err", err)
			r.forget()
			continue
		}
		pause := time.NewTimer(again)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
	}
}

// begin reads what is on the shelf, unless it has, and folds in what was recorded since.
func (r *Recorder) begin(ctx context.Context) error {
	r.working.Lock()
	defer r.working.Unlock()
	if !r.loaded {
		if err := r.load(ctx); err != nil {
			return err
		}
	}
	if err := r.catchUp(ctx); err != nil {
		return err
	}
	select {
	case <-r.ready:
	default:
		close(r.ready)
	}
	return nil
}

// load reads the heads and the mark, in place of all that is in memory.
func (r *Recorder) load(ctx context.Context) error {
	mark, err := r.log.Mark(ctx) // before the heads: what they say of events after it does no harm
	if err != nil {
		return err
	}
	all, err := r.log.Drawer(ctx, heads)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.series)
	clear(r.types)
	clear(r.gone)
	r.blocks, r.since = 0, 0
	for name, raw := range all {
		h, err := decodeHead(raw, journal.BlockKey{Drawer: heads, Name: name})
		server, typ, ok := strings.Cut(name, "\x00")
		if err != nil || !ok {
			r.sayDamaged(name, err)
			h = head{newest: r.now().UnixMilli()} // so that all its blocks are looked for
		}
		if ok && h.newest >= r.now().Add(-r.keep[len(r.keep)-1]).UnixMilli() {
			if s := r.add(id{server, typ}); s != nil {
				s.head = h
			}
		}
	}
	r.mark, r.place, r.loaded = mark, mark, true
	return nil
}

// forget has begin drop all that is in memory, for what is on the shelf. Until that can be read, queries are answered from what there was.
func (r *Recorder) forget() {
	r.working.Lock()
	defer r.working.Unlock()
	r.loaded = false
}

// catchUp folds in what was recorded after the place, reading samples only.
func (r *Recorder) catchUp(ctx context.Context) error {
	for first := true; ; first = false {
		page, err := r.log.Read(ctx, journal.Query{After: r.place, Filter: r.only, Limit: journal.MaxLimit, AcrossTrimmed: true})
		if err != nil {
			return err
		}
		if gap := page.Trimmed; first && !r.place.IsZero() && !gap.IsZero() {
			r.logger.Warn("Retention took samples before they came to the history: it lacks them.", "after", gap.From, "to", gap.To)
		}
		if err := r.fold(ctx, page.Events); err != nil {
			return err
		}
		if !page.Next.IsZero() {
			r.place = page.Next
		}
		if !page.More {
			return nil
		}
	}
}

// failed says once that something fails. That the record is away its engine says itself.
func (r *Recorder) failed(err error) {
	if !r.failing && !errors.Is(err, journal.ErrUnavailable) {
		r.failing = true
		r.logger.Error("The history of samples could not be read or written, it will be tried again.", "err", err)
	}
}

func (r *Recorder) sayDamaged(what string, err error) {
	if !r.damaged.Swap(true) {
		r.logger.Error("Some of the history of samples is damaged, it is passed over.", "what", strings.ReplaceAll(what, "\x00", " "), "err", err)
	}
}
