package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Append implements journal.Log. Where Redis does not answer it waits for Options.Timeout, and for as long again behind a batch
// that waits for the same, and fails with ErrUnavailable or ErrUnsettled.
func (l *Log) Append(ctx context.Context, events []event.Event) ([]journal.Receipt, error) {
	if err := l.alive(ctx); err != nil {
		return nil, fmt.Errorf("journal: append: %w", err)
	}
	if len(events) == 0 {
		return nil, nil
	}
	w, err := l.prepare(events)
	if err != nil {
		return nil, fmt.Errorf("journal: append: %w", err)
	}
	if !l.queue.put(w) {
		return nil, fmt.Errorf("journal: append: %w", journal.ErrClosed)
	}
	timeout := time.NewTimer(l.timeout)
	defer timeout.Stop()
	select {
	case <-w.done:
	case <-ctx.Done():
		if w.state.CompareAndSwap(waiting, withdrawn) {
			return nil, fmt.Errorf("journal: append: %w", ctx.Err())
		}
	case <-timeout.C:
		if w.state.CompareAndSwap(waiting, withdrawn) {
			_, why := l.reach.get()
			return nil, fmt.Errorf("journal: append: %w", l.unavailable(why))
		}
	}
	<-w.done
	if w.err != nil {
		return nil, fmt.Errorf("journal: append: %w", w.err)
	}
	return w.receipts, nil
}

func (l *Log) unavailable(err error) error {
	if err == nil {
		err = errors.New("others wait already")
	}
	return fmt.Errorf("%w: %s: %w", journal.ErrUnavailable, l.where, plain(err))
}

// prepare does all of the work that does not need the place, on the publisher's goroutine.
func (l *Log) prepare(events []event.Event) (*waiter, error) {
	room := 0
	for i := range events {
		e := &events[i]
		if int(e.Class()) >= len(classArgs) {
			return nil, fmt.Errorf("event %d: %q is not a type that is recorded", i, e.Type)
		}
		room += recordRoom(e)
	}
	w := &waiter{events: len(events), args: make([]any, 0, 3*len(events)), size: room, done: make(chan struct{})}
	at := l.now()
	buf := make([]byte, 0, room)
	for i := range events {
		e := &events[i]
		start := len(buf)
		var err error
		if buf, err = appendRecord(buf, e, at); err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
		key := noKey
		if k := keyOf(e); k != nil {
			key = k
		}
		w.args = append(w.args, classArgs[e.Class()], key, buf[start:len(buf):len(buf)])
	}
	return w, nil
}

// run is the committer. It ends when Close is called, after the batch under way, and then turns away all who wait.
func (l *Log) run() {
	defer close(l.stopped)
	defer l.line.hangUp(nil)
	defer l.queue.turnAway()
	for {
		select {
		case <-l.closing:
			return
		default:
		}
		if group := l.queue.take(); len(group) > 0 {
			l.commit(group)
			l.queue.gather(len(group))
			continue
		}
		select {
		case <-l.queue.wake:
		case <-l.closing:
		}
	}
}

// commit records the group in one run of the script and answers the publishers.
func (l *Log) commit(group []*waiter) {
	begun := time.Now()
	total := 0
	for _, w := range group {
		total += w.events
	}
	receipts, err := l.submit(group, total, begun.Add(l.timeout))
	recorded := 0
	for i := range receipts {
		if !receipts[i].Repeated {
			recorded++
		}
	}
	l.count.Committed(total, recorded, time.Since(begun), err)
	for _, w := range group {
		if w.err = err; err == nil {
			w.receipts, receipts = receipts[:w.events:w.events], receipts[w.events:]
		}
		close(w.done)
	}
}

// headArgs are those of the script before the first event.
const headArgs = 6

// submit runs the script until it is known what came of it, or the time is over. All attempts bear the number of the batch, so that
// it is recorded once however many of them reach Redis, and a time after which none of them does anything: what is given up here
// is not recorded when a Redis that stood still goes on.
func (l *Log) submit(group []*waiter, total int, deadline time.Time) ([]journal.Receipt, error) {
	l.batch++
	args := make([]any, headArgs, headArgs+3*total)
	args[0], args[1] = l.writer, strconv.FormatUint(l.batch, 10)
	args[2], args[3] = l.now().UnixMilli(), l.retention.DedupWindow.Milliseconds()
	args[5] = l.freshEpoch()
	for _, w := range group {
		args = append(args, w.args...)
	}
	open, ran := false, false // something may have reached Redis; and it is recorded, if not on replicas
	var receipts []journal.Receipt
	wait := backoff{most: 250 * time.Millisecond}
	for {
		err := func() error {
			ctx, cancel := context.WithDeadline(context.Background(), earlier(time.Now().Add(l.attempt()), deadline))
			defer cancel()
			if !ran || l.line.conn == nil { // WAIT is for what this connection wrote: over a new one the batch is asked for again
				args[4] = deadline.UnixMilli() + l.skew.Load()
				answer, err := l.line.call(ctx, appendScript, args)
				if err != nil {
					return err
				}
				if receipts, err = l.accept(answer, total); err != nil {
					return err
				}
				ran = true
			}
			return l.line.replicated(ctx)
		}()
		if err == nil {
			l.reach.back(l)
			return receipts, nil
		}
		if ms, late := expired(err); late {
			l.tick(ms)
			if !ran {
				open = false // it had not run, and will not
			}
		} else if !unsent(err) && !refused(err) {
			open = true
		}
		if away(err) && !ran { // else a replica is slow, or the follower will find out
			l.reach.lost(l, err)
		}
		d := wait.delay()
		fatal := !passes(err) && !open && !ran
		if fatal || time.Now().Add(d).After(deadline) {
			if open || ran {
				return nil, fmt.Errorf("%w: %s: %w", journal.ErrUnsettled, l.where, plain(err))
			}
			return nil, l.unavailable(err)
		}
		t := time.NewTimer(d)
		<-t.C
	}
}

// accept reads what the script says of a batch of so many events.
func (l *Log) accept(answer any, total int) ([]journal.Receipt, error) {
	got := texts(answer)
	if len(got) < 2 {
		return nil, errAnswer
	}
	ms, err := strconv.ParseInt(got[1], 10, 64)
	if err != nil {
		return nil, errAnswer
	}
	l.tick(ms)
	receipts, err := parseReceipts(got[0], total)
	if err != nil {
		return nil, err
	}
	for i, limit := range l.limits() {
		if i+2 < len(got) && limit > 0 {
			if n, err := strconv.ParseInt(got[i+2], 10, 64); err == nil && n > limit {
				l.wantTrim()
			}
		}
	}
	return receipts, nil
}

// parseReceipts reads "epoch first index:place,…".
func parseReceipts(s string, total int) ([]journal.Receipt, error) {
	parts := strings.SplitN(s, " ", 3)
	if len(parts) != 3 {
		return nil, errAnswer
	}
	epoch, err := strconv.ParseUint(parts[0], 10, 32)
	next, err2 := strconv.ParseUint(parts[1], 10, 64)
	if err != nil || err2 != nil {
		return nil, errAnswer
	}
	out := make([]journal.Receipt, total)
	for repeat := range strings.SplitSeq(parts[2], ",") {
		if repeat == "" {
			continue
		}
		index, place, _ := strings.Cut(repeat, ":")
		i, err := strconv.Atoi(index)
		seq, err2 := strconv.ParseUint(place, 10, 64)
		if err != nil || err2 != nil || i < 0 || i >= total {
			return nil, errAnswer
		}
		out[i] = journal.Receipt{ID: event.ID{Epoch: uint32(epoch), Seq: seq}, Repeated: true}
	}
	for i := range out {
		if !out[i].Repeated {
			out[i].ID = event.ID{Epoch: uint32(epoch), Seq: next}
			next++
		}
	}
	return out, nil
}
