package live

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// Lines that the stream did not bring are read from the record when a reader gets to where they belong: a few hundred at a
// time, since this program's memory never shrinks.

const (
	readPage  = 500       // lines asked for at once
	readLines = 2_000     // of one wish; what is beyond can be wished for again
	readBytes = 512 << 10 // of their JSON; one line at least
	// The record is asked for older lines by a stretch of places, since it is read oldest first: a short one to begin with,
	// longer ones where there are few lines.
	firstStretch = 1_000
	leastStretch = 8
	mostStretch  = 1 << 22
)

// logReads are the wishes for lines. It has a lock of its own, since painters wish while the Program's is held.
type logReads struct {
	mu     sync.Mutex // guards what follows
	wishes []model.Wish
	now    model.Wish
	busy   bool

	again chan struct{} // of one: there may be a wish
}

// maxWishes bounds what is wished for at once: a reader in a hurry leaves the rest behind.
const maxWishes = 8

// ReadLog has lines, or deployments, read from the record and put where they belong. It returns at once; a painter may call it. A wish that
// is being seen to is not taken twice.
func (p *Program) ReadLog(w model.Wish) {
	r := &p.logs
	r.mu.Lock()
	if !slices.Contains(r.wishes, w) && !(r.busy && r.now == w) {
		if len(r.wishes) >= maxWishes {
			r.wishes = r.wishes[1:]
		}
		r.wishes = append(r.wishes, w)
	}
	r.mu.Unlock()
	select {
	case r.again <- struct{}{}:
	default:
	}
}

// next returns the wish to see to now.
func (r *logReads) next() (model.Wish, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = len(r.wishes) > 0
	if !r.busy {
		return model.Wish{}, false
	}
	r.now = r.wishes[0]
	r.wishes = r.wishes[1:]
	return r.now, true
}

// readLog sees to the wishes, one after the other, until ctx ends.
func (p *Program) readLog(ctx context.Context) {
	for {
		w, ok := p.logs.next()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-p.logs.again:
			}
			continue
		}
		if w.Deployments {
			p.readDeployments(ctx, w.Back)
			continue
		}
		if w.Event {
			p.readEvent(ctx, w.Place)
			continue
		}
		var err error
		p.tell(func(m *model.Model) { m.Reading(w.Server) })
		switch {
		case !w.To.IsZero():
			err = p.fill(ctx, w)
		case !w.Place.IsZero() || !w.At.IsZero():
			err = p.readFrom(ctx, w)
		default:
			err = p.readOlder(ctx, w.Server)
		}
		p.tell(func(m *model.Model) { m.ReadDone(w, err != nil) })
	}
}

// tell changes the Model and has it painted.
func (p *Program) tell(change func(m *model.Model)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p.model)
	if p.draw != nil {
		p.draw.Request()
	}
}

// fill reads what a gap stands for.
func (p *Program) fill(ctx context.Context, w model.Wish) error {
	q := lineQuery(w.Server)
	q.Set("before", event.ID{Epoch: w.To.Epoch, Seq: w.To.Seq + 1}.String())
	if !w.From.IsZero() {
		q.Set("after", w.From.String())
	}
	got, err := p.readStretch(ctx, q, readLines)
	if err != nil {
		return err // the gap stands, and its button
	}
	if !got.more {
		got.upto = w.To
	}
	p.tell(func(m *model.Model) { m.ReadBack(got.events, w.From, w.To, got.upto, got.gone) })
	return nil
}

// readEvent reads one event of whatever type. Where that fails it is as good as not recorded: who wants it can ask again.
func (p *Program) readEvent(ctx context.Context, place event.ID) {
	if place.Seq == 0 {
		return
	}
	before := event.ID{Epoch: place.Epoch, Seq: place.Seq + 1}
	after := event.ID{Epoch: place.Epoch, Seq: place.Seq - 1}
	q := url.Values{"before": {before.String()}}
	if after.Seq > 0 {
		q.Set("after", after.String())
	}
	got, _ := p.readStretch(ctx, q, 1)
	p.tell(func(m *model.Model) { m.ReadEvent(place, got.events) })
}

// readFrom reads lines from a place on, or from a time, as many as are read at once.
func (p *Program) readFrom(ctx context.Context, w model.Wish) error {
	floor := p.floor(w.Server)
	if floor.IsZero() || !w.Place.IsZero() && w.Place.Compare(floor) >= 0 {
		return nil
	}
	q := lineQuery(w.Server)
	q.Set("before", floor.String())
	if w.Place.Seq > 1 {
		q.Set("after", event.ID{Epoch: w.Place.Epoch, Seq: w.Place.Seq - 1}.String())
	} else if !w.At.IsZero() {
		q.Set("from", w.At.UTC().Format(time.RFC3339Nano))
	}
	got, err := p.readStretch(ctx, q, readPage)
	if err != nil || len(got.events) == 0 {
		return err
	}
	if !got.more {
		got.upto = event.ID{Epoch: floor.Epoch, Seq: floor.Seq - 1}
	}
	p.tell(func(m *model.Model) { m.ReadFrom(w.Server, got.events, got.events[0].ID, got.upto) })
	return nil
}

func (p *Program) floor(server string) (floor event.ID) {
	p.View(func(m *model.Model, _ time.Time) { floor = m.Log.Floor(server, m.Place) })
	return floor
}

// readOlder reads some lines before those that are held, or finds that there are none.
func (p *Program) readOlder(ctx context.Context, server string) error {
	for stretch := uint64(firstStretch); ; {
		floor := p.floor(server)
		if floor.IsZero() { // nothing was ever recorded
			p.tell(func(m *model.Model) { m.ReadOlder(server, nil, floor, true, false) })
			return nil
		}
		q := lineQuery(server)
		q.Set("before", floor.String())
		begin := floor.Seq <= stretch+1
		from := event.ID{Epoch: floor.Epoch, Seq: 1}
		if !begin {
			from.Seq = floor.Seq - stretch
			q.Set("after", event.ID{Epoch: floor.Epoch, Seq: from.Seq - 1}.String())
		}
		got, err := p.readStretch(ctx, q, readLines)
		if err != nil {
			return err
		}
		if got.more { // all of a stretch is needed: what is next to the lines held is read last
			if stretch /= 4; stretch >= leastStretch {
				continue
			}
			return errLong
		}
		trimmed := got.gone.Epoch == floor.Epoch && got.gone.Seq >= from.Seq
		over := begin || trimmed || len(got.events) > 0
		p.tell(func(m *model.Model) {
			m.ReadOlder(server, got.events, from, begin && !trimmed, trimmed)
			if !over {
				m.Reading(server)
			}
		})
		if over {
			return nil
		}
		stretch = min(4*stretch, mostStretch)
	}
}

func lineQuery(server string) url.Values {
	q := url.Values{"types": {"logs:*"}}
	if server != "" {
		q.Set("servers", server)
	}
	return q
}

// stretch is a part of the record.
type stretch struct {
	events []event.Event
	more   bool     // there are more, after upto
	upto   event.ID // the place of the last event
	gone   event.ID // retention has taken what was up to there; zero: nothing
}

// readStretch reads a stretch of the record, page by page, and stops at so many lines, or at readBytes.
func (p *Program) readStretch(ctx context.Context, q url.Values, most int) (got stretch, err error) {
	if p.record == nil {
		return got, errNone
	}
	q.Set("limit", strconv.Itoa(readPage))
	size := 0
	for {
		page, err := p.record.Read(ctx, q.Encode())
		if err != nil {
			return got, err
		}
		if _, to, ok := strings.Cut(page.Gone, " "); ok {
			_ = got.gone.UnmarshalText([]byte(to))
		}
		err = eachLine(page.Status, page.Body, func(e event.Event) bool {
			if got.more = len(got.events) >= most || size > readBytes; got.more {
				return false
			}
			size += len(e.Data)
			got.events, got.upto = append(got.events, e), e.ID
			return true
		})
		if err != nil || got.more || !page.More {
			return got, err
		}
		q.Set("after", page.Next)
	}
}

// eachLine calls f with the events of a page, until f returns false or they are over, and closes it. What is no event is
// passed over.
func eachLine(status int, body io.ReadCloser, f func(event.Event) bool) error {
	defer body.Close()
	if status != 200 {
		return fmt.Errorf("live: the record answered %d", status)
	}
	lines := bufio.NewReaderSize(body, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if e, bad := event.ParseLine(line); bad == nil && !f(e) {
			return nil
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
