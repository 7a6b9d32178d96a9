package history

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Our clock was years ahead, and has been set: what it let in keeps nothing out, and nothing is final for it.
func TestClockThatWasAhead(t *testing.T) {
	b := newBench(t)
	right := b.now()
	b.pass(3 * 365 * 24 * time.Hour)
	b.publish(cpu("web-1", b.now(), 1))
	b.write(b.recorder(b.log, Options{}))
	b.at.Store(right.UnixMilli())
	r := b.recorder(b.log, Options{})
	now := right.UnixMilli()
	q := Query{"web-1", "metrics:cpu", now - 60_000, now + 60_000, 120}
	if a := b.query(r, q); a.Complete != 0 {
		t.Errorf("complete is %d before anything was measured", a.Complete)
	}
	for i := range 60 {
		b.publish(cpu("web-1", right.Add(time.Duration(i-30)*time.Second), float64(i)))
	}
	b.catchUp(r)
	b.want(b.query(r, q))
	b.write(r)
	b.want(b.query(b.recorder(b.log, Options{}), q))
}

// However samples jump about in time, and whether the shelf takes them or not, what is in memory has a bound, and all of it is kept.
func TestMemoryHasABound(t *testing.T) {
	b := newBench(t)
	r := b.recorder(b.log, Options{})
	r.most = 20
	waits := 0 // rounds in which nothing was folded
	for i := range 60 {
		for s := range 5 {
			b.publish(cpu(fmt.Sprint("s", 5*(i%8)+s), b.now().Add(time.Duration(i-60)*time.Minute), float64(i)))
		}
		if i == 30 {
			r.log = &dying{Record: b.log} // takes nothing
		} else if i == 50 {
			r.log = b.log
		}
		if err := r.begin(t.Context()); err != nil && (i < 30 || i >= 50) {
			t.Fatal(err)
		} else if err != nil {
			waits++
		}
		n := 0
		for _, s := range r.series {
			n += len(s.blocks)
		}
		batch := 5
		if i == 50 {
			batch += 5 * waits
		}
		if n != r.blocks || n > r.most+2*batch {
			t.Fatalf("%d blocks are in memory, %d are counted, want %d at most, and those of one batch", n, r.blocks, r.most)
		}
	}
	if waits < 15 {
		t.Errorf("nothing was folded in %d rounds of 20 in which the shelf took nothing", waits)
	}
	b.whole(r)
}

// While it begins anew and can't read the shelf yet, it answers from what it had: a chart does not go because Redis does.
func TestAnswersWhileItBeginsAnew(t *testing.T) {
	b := newBench(t)
	b.publish(cpu("web-1", b.now(), 1))
	r := b.recorder(b.log, Options{})
	r.forget()
	b.whole(r)
	b.catchUp(r)
	b.whole(r)
}

// forgetful acknowledges what it does not keep, as a Redis does whose replica takes over before it has it.
type forgetful struct {
	Record
	forgets bool
}

func (f *forgetful) PutBlocks(ctx context.Context, made event.ID, last bool, blocks []journal.Block) error {
	if f.forgets {
		return nil
	}
	return f.Record.PutBlocks(ctx, made, last, blocks)
}

// A shelf that was put back, and its mark with it, while the record has all: what it lacks is written again.
func TestShelfThatWasPutBack(t *testing.T) {
	b := newBench(t)
	shelf := &forgetful{Record: b.log}
	r := b.recorder(shelf, Options{})
	for i, forgets := range []bool{false, true, false, false, false} {
		b.publish(cpu("web-1", b.now(), float64(i)))
		b.catchUp(r)
		shelf.forgets = forgets
		b.ok(r.writeUnlessOthers(t.Context()))
		b.pass(time.Minute)
	}
	b.whole(r)
	b.whole(b.recorder(b.log, Options{}))
}

// Samples that retention took before they were folded in are missing, and it is said.
func TestTrimmedBeforeItWasFolded(t *testing.T) {
	b := newBench(t)
	b.publish(cpu("web-1", b.now(), 1))
	b.write(b.recorder(b.log, Options{}))
	said := new(lines)
	b.recorder(b.log, Options{Logger: slog.New(said)})
	if n := said.count("Retention took"); n != 0 {
		t.Errorf("it was said though nothing is missing: %v", said.all)
	}
	b.publish(cpu("web-1", b.now(), 2))
	b.pass(30 * 24 * time.Hour)
	b.publish(cpu("web-1", b.now(), 3))
	b.ok(b.log.Trim(t.Context()))
	b.recorder(b.log, Options{Logger: slog.New(said)})
	if n := said.count("Retention took"); n != 1 {
		t.Errorf("it was said %d times: %v", n, said.all)
	}
}

// That the record was away, which its engine says, is no reason to say nothing of the next failure; nor is one that is over.
func TestEachFailureIsSaid(t *testing.T) {
	b := newBench(t)
	said := new(lines)
	r, other := b.recorder(b.log, Options{Logger: slog.New(said)}), b.recorder(b.log, Options{})
	r.failed(fmt.Errorf("mark: %w", journal.ErrUnavailable))
	for want := range 3 {
		if n := said.count("could not be read or written"); n != want {
			t.Errorf("%d times said, want %d", n, want)
		}
		r.failed(errNoRoom)
		r.failed(errNoRoom)
		b.publish(cpu("web-1", b.now(), 1))
		b.catchUp(r)
		b.write(other)
		b.ok(r.writeUnlessOthers(t.Context()))
	}
}
