package live

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/sse"
)

// source is a server whose log has the events so far, and to which more can be published.
type source struct {
	mu      sync.Mutex
	refuse  bool
	full    bool // there is no place for a stream
	asked   []string
	hungUp  int
	streams []chan []byte // what each stream is still to bring
	log     []event.Event
}

func (s *source) Open(ctx context.Context, r feed.Request) (*feed.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.LastEventID)
	if s.refuse {
		return &feed.Response{Status: 403, Body: io.NopCloser(strings.NewReader(""))}, nil
	}
	if s.full {
		b := bytes.NewReader(append(s.picture(r.LastEventID), s.limit()...))
		return &feed.Response{Status: 200, ContentType: sse.ContentType, Body: io.NopCloser(b)}, nil
	}
	pr, pw := io.Pipe()
	context.AfterFunc(ctx, func() {
		pr.CloseWithError(ctx.Err())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hungUp++
	})
	out := make(chan []byte, 10_000)
	out <- s.picture(r.LastEventID)
	go func() {
		defer pw.Close()
		for {
			select {
			case <-ctx.Done():
				return
			case b, open := <-out:
				if !open {
					return
				}
				if _, err := pw.Write(b); err != nil {
					return
				}
			}
		}
	}()
	s.streams = append(s.streams, out)
	return &feed.Response{Status: 200, ContentType: sse.ContentType, Body: pr}, nil
}

// picture is what a stream begins with: all events after the place.
func (s *source) picture(last string) []byte {
	sync := event.Sync{Mode: event.SyncFresh, HeartbeatMs: 15_000, ServerTime: time.Now()}
	after, err := event.ParseID(last)
	if err == nil {
		sync.Mode = event.SyncResumed
	}
	head := s.head()
	sync.Place, sync.Poll = head, s.full
	b, _ := event.StreamSync.AppendFrame(nil, event.ID{}, sync)
	for _, e := range s.log {
		if e.ID.Seq > after.Seq {
			b = event.AppendFrame(b, e)
		}
	}
	b, _ = event.StreamHeartbeat.AppendFrame(b, head, event.Heartbeat{ServerTime: time.Now(), Place: head})
	return b
}

func (s *source) head() event.ID {
	if n := len(s.log); n > 0 {
		return s.log[n-1].ID
	}
	return event.ID{}
}

// limit is how an answer ends that is no stream.
func (s *source) limit() []byte {
	b, _ := event.StreamLimit.AppendFrame(nil, s.head(), event.Limit{Reason: event.LimitUser, RetryMs: 5000, Place: s.head()})
	return b
}

func (s *source) publish(t *testing.T, d event.Draft) {
	t.Helper()
	e, err := d.Event("web-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e.ID = event.ID{Epoch: 1, Seq: uint64(len(s.log)) + 1}
	s.log = append(s.log, e)
	for _, out := range s.streams {
		out <- event.AppendFrame(nil, e)
	}
}

func (s *source) state() (asked string, hungUp int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.asked, ","), s.hungUp
}

// screen is what the browser's animation frames are to a Program: a frame comes when show says so.
type screen struct {
	draw     func()
	mu       sync.Mutex
	pending  bool
	requests int
	open     int
}

func (s *screen) Request() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = true
	s.requests++
}

func (s *screen) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = false
	s.open--
}

func (s *screen) show() {
	s.mu.Lock()
	due := s.pending
	s.pending = false
	s.mu.Unlock()
	if due {
		s.draw()
	}
}

func program(src *source, picture []byte) (*Program, *screen) {
	sc := &screen{}
	p := New(src, Options{Picture: picture})
	p.frames = func(draw func()) frames {
		sc.draw = draw
		sc.open++
		return sc
	}
	return p, sc
}
