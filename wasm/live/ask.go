package live

import (
	"context"
	"net/url"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/browser"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// What a page shows beside events, such as which streams its reader has open, no stream brings: the server is asked, again every few
// seconds for as long as the page shows it and can be seen.

const (
	// askAgain is how old an answer may be: a list of streams is for who ends one now.
	askAgain = 3 * time.Second
	// answerTime is how long an answer may take.
	answerTime = 10 * time.Second

	sessionsURL = "/api/sessions"
	clusterURL  = "/api/cluster"
	meURL       = "/api/me"
)

// asking is what is asked for. It has a lock of its own, as logReads has.
type asking struct {
	call func(ctx context.Context, method, url string) (status int, body []byte, err error) // nil: there is nobody to ask

	mu   sync.Mutex // guards what follows
	what model.Question
	end  string // the session to be ended; "": none

	again  chan struct{} // of one: something of that has changed
	reader chan struct{} // of one: who reads this may have signed in anew
}

// Ask says which answers the page shows. They are in the Model soon after, and kept up to date until the next Ask.
func (p *Program) Ask(what model.Question) {
	p.asked.mu.Lock()
	p.asked.what = what
	p.asked.mu.Unlock()
	p.asked.remind()
}

// EndSession ends one of the reader's open streams. The Model says that it is being ended, and what became of it.
func (p *Program) EndSession(id string) {
	p.asked.mu.Lock()
	p.asked.end = id
	p.asked.mu.Unlock()
	p.asked.remind()
}

func (a *asking) remind() {
	select {
	case a.again <- struct{}{}:
	default:
	}
}

// anew says that who reads this may have signed in anew. It does not wait.
func (a *asking) anew() {
	select {
	case a.reader <- struct{}{}:
	default:
	}
}

// wanted returns what is to be asked now, and the session to be ended, once.
func (a *asking) wanted() (what model.Question, end string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	end, a.end = a.end, ""
	return a.what, end
}

// inquire asks until ctx ends.
func (p *Program) inquire(ctx context.Context) {
	if p.asked.call == nil {
		return
	}
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for {
		what, end := p.asked.wanted()
		if end != "" {
			p.endSession(ctx, end)
		} else if browser.Visible() {
			p.put(ctx, what)
		}
		tick.Reset(askAgain) // it has gone on meanwhile
		due := tick.C
		if what == 0 {
			due = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-p.asked.again:
		case <-due:
		}
	}
}

// put puts the questions, one after the other.
func (p *Program) put(ctx context.Context, what model.Question) {
	if what&model.AskSessions != 0 {
		_, body, failed := p.request(ctx, "GET", sessionsURL)
		p.tell(func(m *model.Model) { m.SetSessions(body, failed, time.Now()) })
	}
	if what&model.AskCluster != 0 {
		_, body, failed := p.request(ctx, "GET", clusterURL)
		p.tell(func(m *model.Model) { m.SetCluster(body, failed, time.Now()) })
	}
}

// knowReader asks until ctx ends who reads this, and until when, each time that may have changed, where the page is for somebody: it may
// come out of a cache and be older than his session.
func (p *Program) knowReader(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.asked.reader:
		}
		somebody := false
		p.View(func(m *model.Model, _ time.Time) { somebody = m.Me != nil && !m.Me.Open })
		if !somebody || p.asked.call == nil {
			continue
		}
		if _, body, failed := p.request(ctx, "GET", meURL); failed == "" { // else the stream says why, and this is asked again with the next
			p.tell(func(m *model.Model) { m.SetMe(body) })
		}
	}
}

// endSession ends a stream, and tries at once whether its place can be had.
func (p *Program) endSession(ctx context.Context, id string) {
	p.tell(func(m *model.Model) { m.Sessions.Ending, m.Sessions.Ended = id, time.Now() })
	status, _, failed := p.request(ctx, "DELETE", sessionsURL+"/"+url.PathEscape(id))
	if status == 404 {
		failed = "" // it ended by itself
	}
	p.put(ctx, model.AskSessions)
	polling := false
	p.tell(func(m *model.Model) {
		m.Sessions.Ending = ""
		if failed != "" {
			m.Sessions.Failed = failed
		}
		polling = m.Link.Phase == feed.Polling
	})
	if polling && failed == "" {
		p.client.TryNow()
	}
}

// request returns the answer, or in words why there is none that is good.
func (p *Program) request(ctx context.Context, method, url string) (status int, body []byte, failed string) {
	return answer(ctx, p.asked.call, method, url)
}

func answer(ctx context.Context, call func(ctx context.Context, method, url string) (int, []byte, error), method, url string) (status int, body []byte, failed string) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	status, body, err := call(ctx, method, url)
	switch {
	case err != nil:
		failed = "the server can't be reached"
	case status == 401:
		failed = "your session has ended"
	case status == 403:
		failed = "you may not see that"
	case status >= 300:
		failed = "the server could not answer"
	}
	return status, body, failed
}
