package live

import (
	"context"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/browser"
)

// Tabs is a feed.Source that opens one stream for all tabs of a browser, however many read it.
//
// # How
//
// Every stream begins as a connection of the tab's own: so it has its picture, or what it missed, from the server and from
// nobody else. The tab that holds the lock is the leader: once its connection is complete it passes on, to all tabs, what
// comes over it, whole frames at a time. Another tab that has everything up to where the leader began to pass on to it
// joins: it hangs up its own connection and reads the leader's. What it then reads twice the feed.Client drops, as it
// drops every repeat; a hole can't come about, since a tab joins only where the leader's stream overlaps its own.
//
// When the leader's connection ends, or another tab leads, those that had joined get feed.ErrMoved and begin as they did at
// first, from where they are; the browser gives the lock of a tab that closes or crashes to the next one. A tab that
// is looked at takes the lock from a leader that nobody looks at, or that does not answer, which is what a frozen one does.
//
// Where the browser has no locks or channels every tab keeps its own connection.
//
// All methods may be called by several goroutines; a stream's body by one at a time, as usual.
type Tabs struct {
	source  feed.Source
	browser Browser
	self    string // names this tab among the others
	name    string // of the channel and the lock

	mu        sync.Mutex // guards what follows
	open      bool       // the channel is
	post      func(browser.Note)
	hangUp    func() // closes the channel
	unlock    func() // gives the lock back, or no longer asks for it
	leading   bool
	session   string // of the connection that is passed on; "" while none is
	sessions  int
	listeners map[string]bool // tabs that want to have it
	body      *tabBody        // the open one, or nil
	leader    string          // the session that can be listened to, as far as this tab has heard; "" for none
	known     chan struct{}   // of one: leader or leading has changed
	asked     int             // questions in a row without an answer
	weak      int             // answers in a row of a leader that this tab would make a better one than
	seen      bool
	stop      chan struct{} // ends asking
	asking    sync.WaitGroup
}

// Browser is what Tabs needs of it; browser.Tabs is one.
type Browser interface {
	// Shared reports whether tabs can find each other at all.
	Shared() bool
	// Channel begins to receive what other tabs post; both functions may be called at any time, and receive is never called
	// by post itself. A Note's Data is the receiver's to keep.
	Channel(name string, receive func(browser.Note)) (post func(browser.Note), hangUp func())
	// Lock asks for the lock that one tab at a time has, got is called when this one has it, and lost when another one took
	// it, which is what steal does. Release gives it back, or withdraws the request.
	Lock(name string, steal bool, got, lost func()) (release func())
}

const (
	tabsName = "telltale.stream"
	// askEvery is how often a tab that is looked at and does not lead asks who does.
	askEvery = 2 * time.Second
	// maxUnanswered is how many of those questions a leader may leave unanswered, and to how many it may say that nobody looks
	// at it, or that it has no connection: who flips through tabs is not to move the stream each time.
	maxUnanswered = 2
	// leaderTime is how long a stream that is to be opened waits for a leader to be there first. Browsers open few connections
	// to one server at a time, and tabs that wait for a leader must not take the last one from it.
	leaderTime = time.Second
	// successorTime is how long a tab whose leader has ended waits for the next one before it opens a connection.
	successorTime = 3 * time.Second
	// maxQueue bounds what waits to be read, or to be joined; beyond it a tab goes on with a connection of its own.
	maxQueue = 4 << 20
)

// What a Note says.
const (
	noteAsk   = "ask"   // who leads? I want to listen
	noteHere  = "here"  // I do; To gets what comes after Place in Session from here on
	noteChunk = "chunk" // Data, of Session
	noteEnd   = "end"   // of Session
	noteBye   = "bye"   // I no longer listen
)

// NewTabs returns a Source over the source; self names this tab, and no other has that name. Tabs of readers who may not see the same
// have different keys, and know nothing of each other.
func NewTabs(source feed.Source, b Browser, self, key string) *Tabs {
	return &Tabs{source: source, browser: b, self: self, name: tabsName + key, seen: true, known: make(chan struct{}, 1)}
}

// Joined reports whether this tab reads through another one.
func (t *Tabs) Joined() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.body != nil && t.body.joined
}

// SetSeen says whether anybody looks at this tab.
func (t *Tabs) SetSeen(seen bool) {
	t.mu.Lock()
	t.seen = seen
	ask := seen && t.open && !t.leading
	t.mu.Unlock()
	if ask {
		t.ask()
	}
}

// Open opens a stream; see feed.Source. One at a time.
func (t *Tabs) Open(ctx context.Context, r feed.Request) (*feed.Response, error) {
	if !t.browser.Shared() {
		return t.source.Open(ctx, r)
	}
	t.start()
	t.ask()
	t.await(ctx)
	own, hangUp := context.WithCancel(ctx)
	answer, err := t.source.Open(own, r)
	if err != nil {
		hangUp()
		return nil, err
	}
	if answer.Status != 200 {
		answer.Body = &hungUp{answer.Body, hangUp}
		return answer, nil
	}
	b := &tabBody{t: t, ctx: ctx, own: answer.Body, hangUp: hangUp, wake: make(chan struct{}, 1)}
	answer.Body = b
	t.mu.Lock()
	t.body = b
	t.mu.Unlock()
	t.ask()
	return answer, nil
}

// await waits a while for a leader to be there, this tab or another.
func (t *Tabs) await(ctx context.Context) {
	late := time.NewTimer(leaderTime)
	defer late.Stop()
	for {
		t.mu.Lock()
		there := t.leading || t.leader != ""
		t.mu.Unlock()
		if there {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-late.C:
			return
		case <-t.known:
		}
	}
}

func (t *Tabs) tell() {
	select {
	case t.known <- struct{}{}:
	default:
	}
}

// hungUp is a body whose context ends with it.
type hungUp struct {
	io.ReadCloser
	end context.CancelFunc
}

func (h *hungUp) Close() error {
	defer h.end()
	return h.ReadCloser.Close()
}

// start finds the other tabs, if that has not been done.
func (t *Tabs) start() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open {
		return
	}
	t.open = true
	t.listeners = make(map[string]bool)
	t.post, t.hangUp = t.browser.Channel(t.name, t.receive)
	t.unlock = t.browser.Lock(t.name, false, t.got, t.lost)
	t.stop = make(chan struct{})
	stop := t.stop
	t.asking.Go(func() { t.wonder(stop) })
}

// Rest leaves the other tabs alone until the next Open, and returns when nothing of it runs: another one leads.
func (t *Tabs) Rest() {
	t.mu.Lock()
	if !t.open {
		t.mu.Unlock()
		return
	}
	t.end()
	t.post(browser.Note{Kind: noteBye, From: t.self})
	t.open, t.leading, t.leader, t.asked, t.weak = false, false, "", 0, 0
	hangUp, unlock := t.hangUp, t.unlock
	close(t.stop)
	t.mu.Unlock()
	unlock()
	hangUp()
	t.asking.Wait()
}

// wonder asks who leads, while somebody looks at this tab, and takes the lock from a leader who does not answer.
func (t *Tabs) wonder(stop <-chan struct{}) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		t.mu.Lock()
		idle := t.leading || !t.seen || t.body == nil
		frozen := !idle && t.asked > maxUnanswered
		t.mu.Unlock()
		switch {
		case frozen:
			t.steal()
		case !idle:
			t.ask()
		}
	}
}

func (t *Tabs) ask() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open && !t.leading {
		t.asked++
		t.post(browser.Note{Kind: noteAsk, From: t.self, Seen: t.seen})
	}
}

// steal takes the lock, whoever has it.
func (t *Tabs) steal() {
	t.mu.Lock()
	if !t.open || t.leading {
		t.mu.Unlock()
		return
	}
	t.asked, t.weak = 0, 0
	waiting := t.unlock
	t.unlock = t.browser.Lock(t.name, true, t.got, t.lost)
	t.mu.Unlock()
	waiting()
}

// got is called when this tab has the lock: it leads.
func (t *Tabs) got() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.open {
		return
	}
	t.leading, t.asked, t.weak = true, 0, 0
	t.tell()
	if b := t.body; b != nil && b.joined {
		b.move() // it needs a connection of its own
	} else {
		t.begin()
	}
}

// lost is called when another tab has taken the lock: what is open goes on as a connection of this tab's own.
func (t *Tabs) lost() {
	t.mu.Lock()
	if !t.open {
		t.mu.Unlock()
		return
	}
	t.leading = false
	t.end()
	waiting := t.unlock
	t.unlock = t.browser.Lock(t.name, false, t.got, t.lost)
	t.mu.Unlock()
	waiting()
	t.ask()
}

// begin passes the open connection on, if it is complete. It is called with the lock held.
func (t *Tabs) begin() {
	if b := t.body; !t.leading || t.session != "" || b == nil || b.joined || !b.complete || b.err != nil {
		return
	}
	t.sessions++
	t.session = t.self + "." + strconv.Itoa(t.sessions)
	t.here("")
}

// here says that this tab leads, and to another one where what it passes on to it begins. It is called with the lock held.
func (t *Tabs) here(to string) {
	n := browser.Note{Kind: noteHere, From: t.self, To: to, Session: t.session, Seen: t.seen}
	if t.body != nil {
		n.Place = t.body.place
		if t.body.until != "" {
			n.Place = t.body.until // who joins before that would not be told of what was left out
		}
	}
	t.post(n)
}

// end says that the connection is passed on no more. It is called with the lock held.
func (t *Tabs) end() {
	if t.session != "" {
		t.post(browser.Note{Kind: noteEnd, From: t.self, Session: t.session})
		t.session = ""
	}
}

// receive takes what another tab says.
func (t *Tabs) receive(n browser.Note) {
	t.mu.Lock()
	if !t.open {
		t.mu.Unlock()
		return
	}
	steal, ask := false, false
	b := t.body
	switch n.Kind {
	case noteAsk:
		if t.leading {
			t.listeners[n.From] = true
			t.here(n.From)
		}
	case noteBye:
		delete(t.listeners, n.From)
	case noteHere:
		if t.leading {
			break // it does not know yet that it was taken from it
		}
		t.asked, t.leader = 0, n.Session
		t.tell()
		if n.To == t.self {
			if t.weak++; !t.seen || n.Seen && n.Session != "" {
				t.weak = 0
			}
			steal = t.weak > maxUnanswered
		}
		if b != nil && n.Session != "" && n.Session != b.session {
			ask = b.offered(n)
		}
	case noteChunk:
		if b != nil && b.session == n.Session {
			b.take(n.Data)
		}
	case noteEnd:
		if t.leader == n.Session {
			t.leader = ""
		}
		if b != nil && b.session == n.Session {
			b.ended()
		}
	}
	t.mu.Unlock()
	if steal {
		t.steal()
	}
	if ask {
		t.ask()
	}
}
