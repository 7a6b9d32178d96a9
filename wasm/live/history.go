package live

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/wasm/browser"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// The hour and the day of a metric, which no stream brings and no Series holds, are asked of the record while a page shows them.

// maxPast is how many answers are waited for at once: a browser has six connections for one server, and the stream one of them.
const maxPast = 5

// pastReads are the periods that are asked for. It has a lock of its own, since painters say what they show while the
// Program's is held.
type pastReads struct {
	call func(ctx context.Context, method, url string) (status int, body []byte, err error) // nil: there is nobody to ask

	mu    sync.Mutex // guards wants
	wants []model.Period

	again chan struct{} // of one: something of that has changed
}

// Histories says which periods of the past the page shows now. Those that are not held are asked for, those that go on are
// asked for again as they do, and what is no longer wanted is not waited for. It returns at once, and keeps want; a painter may
// call it.
func (p *Program) Histories(want []model.Period) {
	p.past.mu.Lock()
	p.past.wants = want
	p.past.mu.Unlock()
	p.past.remind()
}

// RetryHistories asks again for what could not be read.
func (p *Program) RetryHistories() {
	p.tell(func(m *model.Model) { m.Histories.Retry() })
	p.past.remind()
}

func (r *pastReads) remind() {
	select {
	case r.again <- struct{}{}:
	default:
	}
}

func (r *pastReads) wanted() []model.Period {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wants
}

// readPast asks for what is wanted until ctx ends. A page that the server does not answer, or that nobody sees, asks for nothing: what
// it drew would be no newer than the rest of it.
func (p *Program) readPast(ctx context.Context) {
	if p.past.call == nil {
		return
	}
	waited := make(map[model.Period]context.CancelFunc)
	done := make(chan model.Period, maxPast) // never full: so many are waited for
	timer := time.NewTimer(0)
	defer timer.Stop()
	var asks sync.WaitGroup
	defer asks.Wait()
	defer func() {
		for _, cancel := range waited {
			cancel()
		}
	}()
	for {
		wants := p.past.wanted()
		for of, cancel := range waited {
			if !slices.Contains(wants, of) {
				cancel()
			}
		}
		next := time.Duration(-1)
		p.mu.Lock()
		may := p.model.Link.Phase.Answered() && browser.Visible()
		for _, of := range wants {
			if waited[of] != nil {
				continue
			}
			due := p.model.Histories.Due(of, time.Now())
			switch {
			case due <= 0 && may && len(waited) < maxPast:
				asking, cancel := context.WithCancel(ctx)
				waited[of] = cancel
				asks.Go(func() {
					p.readPeriod(asking, of)
					done <- of
				})
			case due <= 0 && may: // when one of them is done
			case next < 0 || due < next:
				next = max(due, time.Second)
			}
		}
		p.mu.Unlock()
		var later <-chan time.Time
		timer.Stop()
		if next >= 0 {
			timer.Reset(next)
			later = timer.C
		}
		select {
		case <-ctx.Done():
			return
		case <-p.past.again:
		case <-later:
		case of := <-done:
			waited[of]()
			delete(waited, of)
		}
	}
}

// readPeriod asks for one period.
func (p *Program) readPeriod(ctx context.Context, of model.Period) {
	q := url.Values{
		"type":   {of.Type},
		"from":   {strconv.FormatInt(of.From, 10)},
		"to":     {strconv.FormatInt(of.To, 10)},
		"points": {strconv.FormatInt(of.Points(), 10)},
	}
	status, body, failed := answer(ctx, p.past.call, "GET", "/api/servers/"+url.PathEscape(of.Server)+"/history?"+q.Encode())
	if ctx.Err() != nil {
		return // nobody waits for it
	}
	if status == 404 {
		failed = "the record has none of it, or not for you"
	}
	refused := status >= 400 && status < 500 && status != 429 && status != 401 // a reader may sign in again
	p.tell(func(m *model.Model) { m.SetHistory(of, body, failed, refused, time.Now()) })
}
