package live

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/browser"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// A stream begins with the newest sample of each metric, and the record has those before: what a page draws of the last minutes
// is read from there once, when the picture is complete, for as long as the Model remembers the servers.

// Record reads what is recorded; browser.Record is one.
type Record interface {
	Read(ctx context.Context, query string) (browser.Page, error)
}

const (
	// fleetSpan is how far back all servers are recalled: what a sparkline shows.
	fleetSpan = 5 * time.Minute
	// fleetSamples bounds what is recalled of all servers: some 2 MB, 150 KB of them on the wire. The more servers, the
	// further apart are their samples.
	fleetSamples = 9000
	// fleetMetrics is how many types of samples the fleet shows.
	fleetMetrics = 3
	// fleetEvery is the least distance of samples recalled for the fleet: 60 of them make a sparkline.
	fleetEvery = 5 * time.Second
	// maxPages bounds one recall, of whatever a record holds.
	maxPages = 20
	// recallAgain is the wait after a recall that failed.
	recallAgain = 10 * time.Second
)

// wish is a stretch of the past that the page draws.
type wish struct {
	server string // "" is the fleet
	life   uint64 // of the Model
}

// query returns what to ask the record for: the fleet thinned out, one server in full.
func (w wish) query(now time.Time, servers int) (q url.Values, every time.Duration) {
	q = url.Values{"limit": {"10000"}}
	from := now.Add(-model.Window)
	if w.server == "" {
		from = now.Add(-fleetSpan)
		every = max(fleetEvery, (fleetSpan * fleetMetrics * time.Duration(servers) / fleetSamples).Round(time.Second))
		q.Set("every", every.String())
		q.Set("types", "metrics:cpu,metrics:memory,metrics:network")
	} else {
		q.Set("servers", w.server)
		q.Set("types", "metrics:*")
	}
	q.Set("from", from.UTC().Format(time.RFC3339))
	return q, every
}

// Recall says that the page shows the last minutes of this server, or with "" of all: they are read from the record, if
// that has not been done already, as soon as the server answers.
func (p *Program) Recall(server string) {
	p.mu.Lock()
	p.shown = server
	p.mu.Unlock()
	p.remind()
}

func (p *Program) remind() {
	select {
	case p.recalls <- struct{}{}:
	default:
	}
}

// wished returns what is to be recalled now, if anything. It is called with the lock held.
func (p *Program) wished() (wish, bool) {
	w := wish{p.shown, p.model.Life}
	if !p.model.Complete || !p.model.Link.Phase.Answered() || p.recalled[w] {
		return w, false
	}
	return w, true
}

// remember recalls what the page shows, until ctx ends.
func (p *Program) remember(ctx context.Context) {
	for {
		p.mu.Lock()
		w, wanted := p.wished()
		q, every := w.query(p.model.Now(time.Now()), len(p.model.Servers()))
		p.mu.Unlock()
		if !wanted {
			select {
			case <-ctx.Done():
				return
			case <-p.recalls:
			}
			continue
		}
		events, _, err := p.readAll(ctx, q, maxPages)
		if err != nil && err != errLong && err != errNone {
			select {
			case <-ctx.Done():
				return
			case <-time.After(recallAgain):
			}
			continue
		}
		p.mu.Lock()
		if w.life == p.model.Life && err == nil {
			p.model.Recall(events, every)
		}
		for old := range p.recalled {
			if old.life != p.model.Life {
				delete(p.recalled, old)
			}
		}
		p.recalled[w] = true
		if p.draw != nil {
			p.draw.Request()
		}
		p.mu.Unlock()
	}
}

// errLong is returned for a stretch that is too long to be read: half of it would be drawn as a gap.
var errLong = errors.New("live: too much is recorded")

// errNone is returned where there is no record to read, or its server will not give it: it is older than this app, or what
// is asked for is gone.
var errNone = errors.New("live: the record can't be read")

// readAll reads a stretch of the record, page by page, so many at most, and returns how far it came when it is longer.
func (p *Program) readAll(ctx context.Context, q url.Values, pages int) (events []event.Event, upto event.ID, err error) {
	if p.record == nil {
		return nil, upto, errNone
	}
	for range pages {
		page, err := p.record.Read(ctx, q.Encode())
		if err != nil {
			return nil, upto, fmt.Errorf("live: recall: %w", err)
		}
		events, err = appendLines(events, page)
		if page.Status >= 400 && page.Status < 500 {
			return nil, upto, errNone
		}
		if err == nil && page.More {
			err = upto.UnmarshalText([]byte(page.Next))
		}
		if err != nil {
			return nil, upto, fmt.Errorf("live: recall: %w", err)
		}
		if !page.More {
			return events, upto, nil
		}
		q.Set("after", page.Next)
	}
	return events, upto, errLong
}

// appendLines reads the events of a page and closes it. What is no event is passed over.
func appendLines(events []event.Event, page browser.Page) ([]event.Event, error) {
	err := eachLine(page.Status, page.Body, func(e event.Event) bool {
		events = append(events, e)
		return true
	})
	return events, err
}
