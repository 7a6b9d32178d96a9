package live

import (
	"context"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

const (
	// keepEvery is how often the picture is kept while things happen: writing it costs some milliseconds.
	keepEvery = 5 * time.Second
	// keepTime is how long that may take.
	keepTime = 10 * time.Second
)

// preserve keeps the picture, until ctx ends: now and then, when nobody looks any more, and at the end. One tab does it for all that
// read through it.
func (p *Program) preserve(ctx context.Context) {
	if p.keep == nil {
		return
	}
	var rev uint64
	save := func() {
		p.mu.Lock()
		var picture []byte
		whole := false
		// What was missed and is coming in belongs to no picture until all of it has. Who was told to stop may have signed out, and has
		// this browser forget.
		l := &p.model.Link
		at := pictured(l)
		if p.kept.Rev() != rev && !l.Shared && !at.IsZero() && l.Phase != feed.CatchingUp && l.Phase != feed.Refused {
			rev = p.kept.Rev()
			if picture, whole = p.kept.AppendStream(nil, p.model.Now(at)); whole {
				picture = model.AppendTaken(picture, at)
			}
		}
		p.mu.Unlock()
		if whole {
			writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTime)
			defer cancel()
			_ = p.keep(writing, picture) // where nothing can be kept, nothing is
		}
	}
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			save()
			return
		case <-tick.C:
		case <-p.saves:
		}
		save()
	}
}

// pictured returns of when the picture is, by the local clock: of the last time the server was heard, but during an interruption of
// its beginning, as nobody knows what has not come since. It is zero before anything was heard.
func pictured(l *model.Link) time.Time {
	if n := len(l.Breaks); n > 0 && l.Breaks[n-1].To.IsZero() && l.Phase != feed.Polling {
		return l.Breaks[n-1].From
	}
	return l.Heard
}

// hidden has the picture kept now.
func (p *Program) hidden() {
	select {
	case p.saves <- struct{}{}:
	default:
	}
}
