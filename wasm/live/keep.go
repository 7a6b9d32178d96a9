package live

import (
	"context"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
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
		// It is a picture of when the server was last heard, and none before that. Who was told to stop may have signed out, and has this
		// browser forget.
		if l := &p.model.Link; p.kept.Rev() != rev && !l.Shared && !l.Heard.IsZero() && l.Phase != feed.Refused {
			rev = p.kept.Rev()
			picture, whole = p.kept.AppendStream(nil, p.model.Now(l.Heard))
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

// hidden has the picture kept now.
func (p *Program) hidden() {
	select {
	case p.saves <- struct{}{}:
	default:
	}
}
