package feed

import (
	"cmp"
	"io"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/sse"
)

// chunk is how much is read at once. It bounds a Batch to that and one frame.
const chunk = 32 << 10

// follower reads one connection.
type follower struct {
	*Client
	silence *time.Timer

	decoder sse.Decoder
	synced  bool          // stream:sync is past
	asked   bool          // a place to resume after was sent
	reset   bool          // the log began anew, and the picture since is not complete
	flowed  bool          // something but the sync came
	poll    bool          // it ends when what it promised is out
	limited bool          // and has said so
	closing event.Closing // what the server said when it ended the stream; its message is never empty

	spared *event.Event // a stream:gap that is held back, and
	until  event.ID     // where the stretch it is about ends; see gap.go

	now   time.Time
	arena []byte // Data of the batch's events
	batch []event.Event
}

// follow reads the body to its end and returns why it ended.
func (f *follower) follow(body io.Reader) error {
	f.decoder.Retry = func(d time.Duration) { f.Backoff.Floor = d }
	f.decoder.Moved = f.move
	buf := make([]byte, chunk)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			f.now = time.Now()
			f.hear()
			before := f.state
			bad := f.decoder.Push(buf[:n], f.frame)
			f.flush()
			if len(f.batch) > 0 || f.state != before {
				f.hand(f.now, f.batch)
			}
			f.arena, f.batch = f.arena[:0], f.batch[:0]
			if bad != nil {
				return bad
			}
		}
		if err != nil {
			return err
		}
	}
}

// hear notes that the other end lives. It comes before the state is compared: being heard is no news by itself.
func (f *follower) hear() {
	f.state.Heard = f.now
	allowed := f.Silence
	if allowed == 0 {
		beat := f.state.Beat
		if beat <= 0 {
			beat = defaultBeat
		}
		allowed = 2 * beat
	}
	if allowed > 0 {
		f.silence.Reset(allowed)
	} else {
		f.silence.Stop()
	}
	f.mu.Lock()
	f.heard, f.allowed = f.now.Round(0), allowed
	f.mu.Unlock()
}

// frame takes one frame of the stream, which is good until it returns.
func (f *follower) frame(frame sse.Frame) bool {
	e, err := event.Parse(frame)
	if err != nil || e.Type == "" {
		f.account.Bad++
		return true
	}
	from := len(f.arena)
	f.arena = append(f.arena, e.Data...)
	e.Data = f.arena[from:len(f.arena):len(f.arena)]

	if !f.synced {
		f.synced = true
		f.account.begin(f.now)
		if e.Type != event.StreamSync.Name() {
			f.live() // not a server of ours: there is no picture to wait for
		}
	}
	if e.Class() == event.Control {
		f.flush()
		f.control(e)
		return true
	}
	f.flows()
	f.state.Event = f.now
	if e.ID.IsZero() {
		f.account.Bad++
		return true
	}
	if f.spared != nil && e.ID.Seq > f.until.Seq {
		f.settle()
	}
	verdict := f.seq.Push(e)
	if verdict == Foreign {
		f.flush()
		f.batch = append(f.batch, said(event.StreamReset.Name(), event.Reset{Reason: "epoch", Place: f.seq.Place()}))
		f.anew(event.ID{Epoch: e.ID.Epoch})
		verdict = f.seq.Push(e)
	}
	switch verdict {
	case Swapped:
		f.account.Reordered++
	case Repeated:
		f.account.Repeated++
	}
	return true
}

func (a *Account) begin(now time.Time) {
	if a.Since.IsZero() {
		a.Since = now
	}
}

// flows notes that the connection is worth its name.
func (f *follower) flows() {
	if !f.flowed {
		f.flowed = true
		f.Backoff.Reset()
		f.state.Failures, f.alarms = 0, 0
	}
}

// flush moves what needs not wait from the sequencer to the batch.
func (f *follower) flush() {
	if f.spared != nil {
		if f.seq.Held() <= maxSpared {
			f.seq.Own()
			return
		}
		f.giveUp()
	}
	from := len(f.batch)
	if f.waits() {
		f.batch = f.seq.Release(f.batch)
	} else {
		f.batch = f.seq.Flush(f.batch)
	}
	f.count(from)
}

// count enters the events that were given out since the batch was that long.
func (f *follower) count(from int) {
	for _, e := range f.batch[from:] {
		if e.Class() == event.Control { // the sequencer's word on what is missing
			p, _ := event.StreamGap.Decode(e.Data)
			f.gap(p)
			continue
		}
		f.account.Received++
		if f.state.Phase != Live {
			f.account.Replayed++
		}
	}
	f.keepPlace()
}

// keepPlace makes After what a new connection would say.
func (f *follower) keepPlace() {
	if f.whole {
		f.After = f.seq.Place()
		if f.After.Seq == 0 { // an epoch without an event is no place
			f.After = event.ID{}
		}
	}
}

// complete notes that all that sync promised is here. A poll is live no more than it was: stream:limit follows.
func (f *follower) complete() {
	if f.poll {
		f.whole = true
		f.keepPlace()
		return
	}
	f.live()
}

// limit notes that this was no stream: there is no place for one. It is as complete as a heartbeat would say.
func (f *follower) limit(p event.Limit, place event.ID) {
	f.flows()
	f.poll, f.limited = true, true
	if !place.IsZero() {
		f.pass(place)
	}
	f.complete()
	f.account.Polls++
	f.phase(Polling, f.now)
	f.state.Lost, f.state.Limit, f.state.Reason = f.now, p, cmp.Or(p.Message, "there is no place for a stream")
}

func (f *follower) live() {
	f.phase(Live, f.now)
	f.whole = true
	f.keepPlace()
}

// control acts on what the stream says of itself, and passes it on.
func (f *follower) control(e event.Event) {
	switch e.Type {
	case event.StreamSync.Name():
		p, _ := event.StreamSync.Decode(e.Data)
		missing := f.sync(p)
		f.batch = append(f.batch, e)
		if missing.Reason != "" {
			f.batch = append(f.batch, said(event.StreamGap.Name(), missing))
			f.gap(missing)
		}
		return
	case event.StreamHeartbeat.Name():
		f.moved = false
		f.flows()
		if !e.ID.IsZero() {
			f.pass(e.ID)
		}
		f.reset = false
		f.complete()
	case event.StreamLimit.Name():
		p, _ := event.StreamLimit.Decode(e.Data)
		f.limit(p, e.ID)
	case event.StreamGap.Name():
		if f.gapped(e) {
			return
		}
	case event.StreamReset.Name():
		f.anew(event.ID{})
	case event.StreamClosing.Name():
		p, _ := event.StreamClosing.Decode(e.Data)
		if p.Message == "" {
			p.Message = "the server ended the stream: " + p.Reason
		}
		p.Reason = cmp.Or(p.Reason, "unknown")
		f.closing = p
		if p.RetryMs > 0 {
			f.Backoff.Floor = time.Duration(p.RetryMs) * time.Millisecond
		}
	}
	f.batch = append(f.batch, e)
}

// sync notes how the stream begins. It returns what is missing because the stream begins with a picture where the reader was
// somewhere: that has the newest of all, and not what came between.
func (f *follower) sync(p event.Sync) (missing event.Gap) {
	f.state.Version = p.Version
	if p.HeartbeatMs > 0 {
		f.state.Beat = time.Duration(p.HeartbeatMs) * time.Millisecond
	}
	f.hear()
	if p.Mode == event.SyncResumed && f.moved {
		return missing
	}
	f.moved = false
	if f.poll = p.Poll; f.poll && p.Mode == event.SyncResumed && f.state.Phase == Polling {
		return missing
	}
	f.phase(CatchingUp, f.now)
	if p.Mode == event.SyncResumed {
		return missing
	}
	was := f.seq.Place()
	switch {
	case p.Mode == event.SyncReset && f.reset: // stream:reset, just before, has been counted
		f.seq.Reset(event.ID{Epoch: p.Place.Epoch})
	case p.Mode == event.SyncReset:
		f.anew(event.ID{Epoch: p.Place.Epoch})
	case !was.IsZero() && !p.Place.IsZero() && was.Epoch != p.Place.Epoch:
		// A fresh picture of another life of the log than the half of one we had.
		f.batch = append(f.batch, said(event.StreamReset.Name(), event.Reset{Reason: "epoch", Place: was}))
		f.anew(event.ID{Epoch: p.Place.Epoch})
	case p.Place.Seq > was.Seq && (f.asked || f.whole || was.Seq > 0 && p.Place != f.pictured):
		// We said where we were and got a picture instead; or there was no place to say, as the log was empty; or we had half a
		// picture, and this one is of another time.
		missing = event.Gap{Reason: "picture", From: was, To: p.Place}
	}
	f.pictured = p.Place
	f.whole = false
	return missing
}

// anew begins again after the place: what came before is no longer true.
func (f *follower) anew(after event.ID) {
	f.forget()
	f.spared = nil
	f.account.Resets++
	f.account.Since = f.now
	f.seq.Reset(after)
	f.whole, f.asked, f.reset = false, false, true
	f.phase(CatchingUp, f.now)
}

// pass takes the stream's word that everything up to the place has been sent.
func (f *follower) pass(place event.ID) {
	if f.spared != nil {
		if place.Seq < f.until.Seq {
			return
		}
		f.settle()
	}
	from := len(f.batch)
	if f.waits() {
		f.batch = f.seq.Settle(f.batch, place)
	} else {
		f.batch = f.seq.Pass(f.batch, place)
	}
	f.count(from)
}

// move takes an id that came without data: the reader is at that place, as the standard has it. A picture has events in no such order.
func (f *follower) move(id []byte) {
	if place, err := event.ParseID(string(id)); err == nil && f.whole {
		f.flush()
		f.pass(place)
	}
}

// waits reports whether early events wait for those before them: in a picture, or what was missed, there are holes.
func (f *follower) waits() bool { return f.Window > 0 && f.state.Phase == Live }
