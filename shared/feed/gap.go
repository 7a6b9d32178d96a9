package feed

import (
	"bytes"

	"github.com/mcp-cloud/telltale/shared/event"
)

// A link that is too slow is spared part of the events: the server says so in a stream:gap, and sends what of that stretch must
// not be left out behind it. Until the stretch is past, that word is not final: when the connection is lost within it, the next
// one brings all of it. So the gap and what follows it are held back until then, and given out together; and what was said of a
// stretch that was cut short is forgotten, as if it had not been said.

// maxSpared bounds how many events are held back. A server leaves far fewer of a stretch.
const maxSpared = 4096

// gapped takes a stream:gap, and reports whether it is held back.
func (f *follower) gapped(e event.Event) bool {
	p, _ := event.StreamGap.Decode(e.Data)
	if late(p) {
		return false
	}
	f.settle() // where one stretch begins the one before is past
	if p.Reason == "slow" && f.seq.ahead(p.To) {
		e.Data = bytes.Clone(e.Data)
		f.spared, f.until = &e, p.To
		return true
	}
	f.gap(p)
	return false
}

// settle gives out what is held back, since its stretch is past.
func (f *follower) settle() {
	if f.giveUp() {
		from := len(f.batch)
		f.batch = f.seq.Pass(f.batch, f.until)
		f.count(from)
	}
}

// giveUp gives out the gap that is held back, and reports whether there was one.
func (f *follower) giveUp() bool {
	if f.spared == nil {
		return false
	}
	p, _ := event.StreamGap.Decode(f.spared.Data)
	f.batch = append(f.batch, *f.spared)
	f.spared = nil
	f.gap(p)
	return true
}

// forget drops what is held back or waits: the next connection sends it again.
func (c *Client) forget() { c.account.Repeated += uint64(c.seq.Forget()) }

// late reports that nothing is missing: the server can't reach its record at present, or can again.
func late(p event.Gap) bool { return p.Reason == event.GapPending || p.Reason == event.GapSettled }

// gap enters what the server says is missing. What a slow link was spared is known and can be read; what was trimmed is gone.
func (f *follower) gap(p event.Gap) {
	if p.Reason == "slow" {
		f.account.Skipped += uint64(max(p.Count, 1))
		return
	}
	f.account.Gaps++
	f.account.Since = f.now
}
