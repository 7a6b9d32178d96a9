package hub

import (
	"slices"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
)

// A page is a stretch of the record as wire bytes of one filter: all that passes after chunk.base up to until. It is never
// changed once it was read, so it serves everybody who missed what it holds.
type page struct {
	chunk
	until   uint64
	trimmed journal.Trimmed
	feed    *feed
	used    time.Time
}

// holds reports whether what follows the place begins in the page.
func (p *page) holds(at uint64) bool {
	if p.base == at {
		return true
	}
	// Of a page that begins in a trimmed stretch nobody can tell what of that was missed by who begins elsewhere.
	return p.base < at && at < p.until && p.trimmed.IsZero()
}

// pages keeps those that were read last, so that a crowd that comes back is served by one reader of the record. Feeds have few
// pages here, and most have none.
type pages struct {
	mu    sync.Mutex
	max   int // bytes
	bytes int
	of    map[*feed][]*page
	order []*page // the one read first, first
	reads map[readKey]*reading
}

type readKey struct {
	feed *feed
	at   uint64
}

// A reading is under way until done is closed; page is nil when it failed.
type reading struct {
	done chan struct{}
	page *page
}

// want returns the page with what follows the place; or, with a reading, one to be read now by the caller, who ends that with
// have; or only the reading of another caller.
func (ps *pages) want(f *feed, at uint64) (*page, *reading) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.find(f, at); p != nil {
		return p, nil
	}
	key := readKey{f, at}
	if r := ps.reads[key]; r != nil {
		return nil, r
	}
	r := &reading{done: make(chan struct{})}
	if ps.reads == nil {
		ps.reads = make(map[readKey]*reading)
	}
	ps.reads[key] = r
	p := &page{feed: f}
	p.base = at
	return p, r
}

// at returns the page with what follows the place, if there is one.
func (ps *pages) at(f *feed, at uint64) *page {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.find(f, at)
}

func (ps *pages) find(f *feed, at uint64) *page {
	for _, p := range ps.of[f] {
		if p.holds(at) {
			p.used = time.Now()
			return p
		}
	}
	return nil
}

// have ends a reading, and keeps the page if it came to one.
func (ps *pages) have(f *feed, p *page, r *reading, err error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.reads, readKey{f, p.base})
	defer close(r.done)
	if err != nil {
		return
	}
	r.page = p
	if ps.of == nil {
		ps.of = make(map[*feed][]*page)
	}
	p.used = time.Now()
	ps.of[f] = append(ps.of[f], p)
	ps.order = append(ps.order, p)
	for ps.bytes += p.size(); ps.bytes > ps.max && len(ps.order) > 1; {
		ps.drop(ps.order[0])
	}
}

// size is what a page counts for: something even when it is empty, so that there are never many.
func (p *page) size() int { return cap(p.buf) + 4<<10 }

func (ps *pages) drop(p *page) {
	ps.bytes -= p.size()
	ps.order = slices.DeleteFunc(ps.order, func(o *page) bool { return o == p })
	left := slices.DeleteFunc(ps.of[p.feed], func(o *page) bool { return o == p })
	if ps.of[p.feed] = left; len(left) == 0 {
		delete(ps.of, p.feed)
	}
}

// sweep drops what nobody has used since.
func (ps *pages) sweep(since time.Time) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range slices.Clone(ps.order) {
		if p.used.Before(since) {
			ps.drop(p)
		}
	}
}
