package feed

import (
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
	synced  bool   // stream:sync is past
	asked   bool   // a place to resume after was sent
	reset   bool   // the log began anew, and the picture since is not complete
	flowed  bool   // something but the sync came
	closing string // what the server said when it ended the stream

	now   time.Time
	arena []byte // Data of the batch's events
	batch []event.Event
}

// follow reads the body to its end and returns why it ended.
func (f *follower) follow(body io.Reader) error {
	f.decoder.Retry = func(d time.Duration) { f.Backoff.Floor = d }
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
		f.sync(p)
	case event.StreamHeartbeat.Name():
		f.moved = false
		f.flows()
		if !e.ID.IsZero() {
			f.pass(e.ID)
		}
		f.reset = false
		f.live()
	case event.StreamGap.Name():
		p, _ := event.StreamGap.Decode(e.Data)
		f.gap(p)
	case event.StreamReset.Name():
		f.anew(event.ID{})
	case event.StreamClosing.Name():
		p, _ := event.StreamClosing.Decode(e.Data)
		f.closing = p.Message
		if f.closing == "" {
			f.closing = "the server ended the stream: " + p.Reason
		}
		if p.RetryMs > 0 {
			f.Backoff.Floor = time.Duration(p.RetryMs) * time.Millisecond
		}
	}
	f.batch = append(f.batch, e)
}

func (f *follower) sync(p event.Sync) {
	f.state.Version = p.Version
	if p.HeartbeatMs > 0 {
		f.state.Beat = time.Duration(p.HeartbeatMs) * time.Millisecond
	}
	f.hear()
	if p.Mode == event.SyncResumed && f.moved {
		return
	}
	f.moved = false
	f.phase(CatchingUp, f.now)
	if p.Mode == event.SyncResumed {
		return
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
	case f.asked:
		// We said where we were and got a picture instead: what lies between is missing.
		f.gap(event.Gap{Reason: "trimmed"})
	}
	f.whole = false
}

// anew begins again after the place: what came before is no longer true.
func (f *follower) anew(after event.ID) {
	f.account.Resets++
	f.account.Since = f.now
	f.seq.Reset(after)
	f.whole, f.asked, f.reset = false, false, true
	f.phase(CatchingUp, f.now)
}

// gap enters what the server says is missing. What a slow link was spared is known and can be read; what was trimmed is gone.
func (f *follower) gap(p event.Gap) {
	if p.Reason == "slow" {
		f.account.Skipped += uint64(max(p.Count, 1))
		return
	}
	f.account.Gaps++
	f.account.Since = f.now
}

// pass takes the stream's word that everything up to the place has been sent.
func (f *follower) pass(place event.ID) {
	from := len(f.batch)
	if f.waits() {
		f.batch = f.seq.Settle(f.batch, place)
	} else {
		f.batch = f.seq.Pass(f.batch, place)
	}
	f.count(from)
}

// waits reports whether early events wait for those before them: in a picture, or what was missed, there are holes.
func (f *follower) waits() bool { return f.Window > 0 && f.state.Phase == Live }
