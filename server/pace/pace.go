// Package pace decides how often what is published is recorded. It stands before the record, and what it does hangs on
// the policy class alone:
//
//   - Samples are throttled by server and type. One that is closer than Options.Throttle to the last one recorded, by the time
//     it says it happened at, is held. A newer one takes its place, and when the interval is over the newest is recorded. So
//     ten samples of ten seconds that arrive together are all recorded, and of a thousand in one second twenty.
//   - The lamp of a server, which is the types "server:…" of the catalogue, is debounced when it flaps: Options.Changes changes
//     within Options.Debounce are recorded as they come. Further ones are held, and the latest takes the place of the one before it.
//     When there was no change for that long, or every Options.Longest at the latest, the one held is recorded, and says
//     in "flapped" how many were held, itself included.
//   - Everything else passes untouched: deployments, lines, types that nobody knows, and each event with an id of its
//     publisher, who then means each of them.
//
// # Promises
//
// The newest value is never lost: it is recorded at once, or held and recorded later. Nothing older lands behind it: what is held
// goes before a newer one of its kind, or not at all. What passes of one call keeps its order. A call is recorded as a whole or
// not at all: one that fails has held nothing, and nothing that it would have replaced is gone.
//
// What is held is not yet durable: it is lost when the process is killed, and so is never told to have been recorded (its
// Receipt has no place). An orderly end records it: see [Pacer.Run].
//
// Each process paces what is published through it: where several share a record, it is what each of them lets pass.
//
// # Concurrency
//
// Append runs on its caller's goroutine, and Run is one more that records what is held when its time has come. What is known of one
// server and type belongs to one call at a time, until its commit is done; those who have to do with others do not wait.
//
// # Memory
//
// At most Options.Slots servers and types are known and about Options.Bytes of events held. Beyond these everything passes.
package pace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Defaults of the knobs, for those who offer them to people.
const (
	DefaultThrottle = 50 * time.Millisecond // twenty values a second are more than an eye follows
	DefaultDebounce = 2 * time.Second
	DefaultChanges  = 3                // a restart is starting, online, and one more
	DefaultLongest  = 10 * time.Second // for this long a lamp that never rests may show what was
)

// Options are the knobs. With the zero Options everything passes.
type Options struct {
	Throttle time.Duration // least time between two recorded samples of one server and type; 0: off
	Debounce time.Duration // how long a lamp that flaps has to be calm; 0: off
	Changes  int           // how many changes within Debounce are no flapping; 0: DefaultChanges
	Longest  time.Duration // how long a state is held at most; 0: DefaultLongest, and never less than Debounce

	Slots int // how many servers and types are known at most; 0: 65,536
	Bytes int // about how much is held at most; 0: 16 MiB

	// Logger is told when what is held can't be recorded, and when it can again. It must not publish what it is told. nil: nobody is.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.Changes, DefaultChanges)
	def(&o.Slots, 1<<16)
	def(&o.Bytes, 16<<20)
	if o.Longest <= 0 {
		o.Longest = DefaultLongest
	}
	o.Longest = max(o.Longest, o.Debounce)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Recorder is the part of a journal.Log that is needed here.
type Recorder interface {
	Append(ctx context.Context, events []event.Event) ([]journal.Receipt, error)
}

// Stats count events since New. Of those held, each is later counted as one of Released, Superseded and Flapped, or still Waits:
// Held is the sum of these four, and Accepted less Held were recorded at once, or had been before.
type Stats struct {
	Accepted   uint64 // taken by an Append without an error
	Held       uint64 // of these, not recorded at once
	Released   uint64 // held, and recorded later
	Superseded uint64 // samples never recorded, as a newer one came while they were held
	Flapped    uint64 // states of lamps never recorded, as another came while they were held
	Waits      uint64 // held now
}

func (s *Stats) add(d Stats) {
	s.Accepted += d.Accepted
	s.Held += d.Held
	s.Released += d.Released
	s.Superseded += d.Superseded
	s.Flapped += d.Flapped
}

// Pacer is a Recorder before another. All its methods may be called at once from any number of goroutines.
type Pacer struct {
	log  Recorder
	o    Options
	kick chan struct{} // holds a token when Run should look again

	mu      sync.Mutex // guards what follows, and what slots say is guarded by it
	slots   map[key]*slot
	due     byDue // the slots that hold something and are free
	bytes   int   // held
	taken   int   // slots that are not free
	sweepAt int   // so many slots are worth sweeping
	swept   time.Time
	ended   bool // nothing is held any more
	stats   Stats
}

// New returns a Pacer before log. Unless both knobs are off it needs its Run, or what it holds is never recorded.
func New(log Recorder, o Options) *Pacer {
	return &Pacer{log: log, o: o.withDefaults(), kick: make(chan struct{}, 1), slots: make(map[key]*slot), sweepAt: firstSweep}
}

// Stats returns what has been counted so far.
func (p *Pacer) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Waits = s.Held - s.Released - s.Superseded - s.Flapped
	return s
}

// Append records the events or holds them, as the package comment says, and returns when those not held are durable. Its receipts
// are the record's; that of an event that is held has the zero ID. What becomes of such an event later, nobody is told:
// it is recorded, or a newer one of its kind is in its place. With an error none of the events is recorded or held. It waits for other
// calls that have to do with the same servers and types.
func (p *Pacer) Append(ctx context.Context, events []event.Event) ([]journal.Receipt, error) {
	turns := p.turns(events)
	if len(turns) == 0 {
		receipts, err := p.log.Append(ctx, events)
		if err == nil {
			p.count(Stats{Accepted: uint64(len(events))})
		}
		return receipts, err
	}
	c, err := p.take(ctx, turns)
	if err != nil {
		return nil, fmt.Errorf("pace: append: %w", err)
	}
	out, at := c.judge(events)
	var recorded []journal.Receipt
	if len(out) > 0 {
		recorded, err = p.log.Append(ctx, out)
	}
	p.give(c, err == nil)
	if err != nil {
		return nil, err
	}
	receipts := make([]journal.Receipt, len(events))
	for i, j := range at {
		if j >= 0 {
			receipts[i] = recorded[j]
		}
	}
	return receipts, nil
}

func (p *Pacer) count(d Stats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.add(d)
}

const (
	// releaseEvents are released in one commit at most, so that a publisher who waits behind them does not wait long.
	releaseEvents = 1024
	// After a failure the record is given longer and longer.
	firstRetry, lastRetry = 100 * time.Millisecond, 5 * time.Second
	// farewell bounds the end, as nobody waits longer for a process to end.
	farewell = 5 * time.Second
)

// Run records what is held when its time has come, until ctx ends; then it records at once all that is held, and from then on
// nothing is held any more. It returns ctx's error when all of that is recorded; else an error that says how many events
// are lost. A record that fails in between does not end Run, which tries again; only one that is closed does. End those who publish
// first, and the record after. It may be called once.
func (p *Pacer) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	timer.Stop()
	defer timer.Stop()
	var retry time.Duration
	var notBefore time.Time
	for {
		if due, ok := p.earliest(); ok {
			if due.Before(notBefore) {
				due = notBefore
			}
			timer.Reset(time.Until(due))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return p.end(ctx)
		case <-p.kick:
			continue
		case <-timer.C:
		}
		err := p.release(ctx, time.Now())
		switch {
		case err == nil:
			if retry > 0 {
				p.o.Logger.Info("held events are being recorded again")
			}
			retry = 0
		case errors.Is(err, journal.ErrClosed):
			return p.lost(err)
		case ctx.Err() == nil:
			if retry == 0 {
				p.o.Logger.Error("held events are not being recorded", "error", err)
			}
			retry = min(max(2*retry, firstRetry), lastRetry)
			notBefore = time.Now().Add(retry)
		}
	}
}

// release records what is due. After an error all of it is held as before.
func (p *Pacer) release(ctx context.Context, now time.Time) error {
	c := p.takeDue(now)
	if len(c.turns) == 0 {
		return nil
	}
	_, err := p.log.Append(ctx, c.releaseAll())
	p.give(c, err == nil)
	return err
}

// end releases everything, due or not, and what calls under way still hold.
func (p *Pacer) end(ctx context.Context) error {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	left, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	for {
		held, taken := p.left()
		switch {
		case held > 0:
			if err := p.release(left, time.Now().Add(p.o.Longest+p.o.Throttle)); err != nil {
				return p.lost(err)
			}
		case taken == 0:
			return ctx.Err()
		default:
			select {
			case <-p.kick:
			case <-left.Done():
				return p.lost(left.Err())
			}
		}
	}
}

// left returns how many free slots hold something, and how many slots are not free.
func (p *Pacer) left() (held, taken int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.due), p.taken
}

func (p *Pacer) lost(err error) error {
	return fmt.Errorf("pace: %d held events are lost: %w", p.Stats().Waits, err)
}
