package stream_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/shared/event"
)

// desk keeps what Opened and Ended were told.
type desk struct {
	mu      sync.Mutex
	handles []*stream.Handle
	ends    []stream.Reason
}

func (d *desk) sign(ask *stream.Request) {
	ask.Opened = func(h *stream.Handle) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.handles = append(d.handles, h)
	}
	ask.Ended = func(why stream.Reason) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.ends = append(d.ends, why)
	}
}

func (d *desk) open() []*stream.Handle {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.handles)
}

func (d *desk) ended() []stream.Reason {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.ends)
}

// closed checks that the stream is over with these last words, and returns them.
func (f *follower) closed(reason string) frame {
	f.t.Helper()
	got := f.until(named("stream:closing"))
	last := got[len(got)-1]
	if last.field("reason") != reason || last.field("message") == "" && reason != "a word of tomorrow" {
		f.t.Errorf("got %v, want %q with a message", last, reason)
	}
	if n := len(f.retry); n == 0 || last.field("retryMs") != fmt.Sprint(f.retry[n-1].Milliseconds()) {
		f.t.Errorf("got %v with retry %v, want the time to come back told twice alike", last, f.retry)
	}
	if fr, ok := f.next(); ok {
		f.t.Errorf("got %v after the end", fr)
	}
	return last
}

// A stream ends when its right to read does, and gets nothing that is recorded after that.
func TestTheRightToReadEnds(t *testing.T) {
	each(t, stream.Options{Stuck: time.Second, SlowBytes: -1}, hub.Options{}, func(t *testing.T, s *site) {
		d := new(desk)
		end := time.Now().Add(300 * time.Millisecond)
		s.ask = func(_ *http.Request, ask *stream.Request) {
			d.sign(ask)
			ask.Until = end
		}
		s.log.put(ev(t, "a", "server:online", 0, 0))
		s.seen(1)
		quiet, busy := s.follow("/?servers=a", ""), s.follow("/?servers=b", "")
		var after atomic.Uint64 // the first place recorded when it was over
		ctx, stop := context.WithCancel(t.Context())
		var publishing sync.WaitGroup
		publishing.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				late := time.Now().After(end)
				if id := s.log.put(ev(t, "b", "logs:app", i, 200)); late {
					after.CompareAndSwap(0, id.Seq)
				}
				runtime.Gosched()
			}
		})
		got := busy.until(named("stream:closing"))
		quiet.closed("expired")
		stop()
		publishing.Wait()
		seqs := recorded(got)
		if first := after.Load(); len(seqs) == 0 || first > 0 && seqs[len(seqs)-1] >= first {
			t.Errorf("got %d events up to %d, want some, and none from %d on", len(seqs), seqs[max(0, len(seqs)-1)], first)
		}
		s.settle(0)
		if got := d.ended(); !slices.Equal(got, []stream.Reason{stream.Expired, stream.Expired}) || len(d.open()) != 2 {
			t.Errorf("got %v", got)
		}
		late := s.follow("/?servers=a", "")
		if fr, ok := late.next(); !ok || fr.event != "stream:closing" || fr.field("reason") != "expired" {
			t.Errorf("got %v, want nothing but the closing", fr)
		}
	})
}

// Nothing that is recorded after End was called reaches the stream, whatever is on its way, and its last words do.
func TestEndIsTheEnd(t *testing.T) {
	each(t, stream.Options{SlowBytes: -1}, hub.Options{}, func(t *testing.T, s *site) {
		const readers = 30
		d := new(desk)
		s.ask = func(_ *http.Request, ask *stream.Request) { d.sign(ask) }
		first := s.log.put(ev(t, "a", "server:online", 0, 0))
		s.seen(1)
		var streams []*follower
		for i := range readers {
			streams = append(streams, s.follow("/?servers=a", first.String()))
			s.until(func() bool { return len(d.open()) == i+1 }, func() string { return "no handle" })
		}
		ctx, stop := context.WithCancel(t.Context())
		var publishing, reading sync.WaitGroup
		publishing.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				s.log.put(ev(t, "a", "logs:app", i, 300))
				runtime.Gosched()
			}
		})
		limits := make([]atomic.Uint64, readers)
		for i, f := range streams {
			reading.Go(func() {
				got := f.until(named("stream:closing"))
				if last := got[len(got)-1]; last.field("reason") != "revoked" || last.field("message") != fmt.Sprint("number ", i) {
					t.Errorf("got %v", last)
				}
				if fr, ok := f.next(); ok {
					t.Errorf("got %v after the end", fr)
				}
				seqs := recorded(got)
				sameSeqs(t, "up to the end", seqs, s.log.places(event.Filter{}, 1)[:len(seqs)])
				if n := len(seqs); n > 0 {
					s.until(func() bool { return limits[i].Load() > 0 }, func() string { return "End did not return" })
					if seqs[n-1] > limits[i].Load() {
						t.Errorf("got event %d, and End had returned at %d", seqs[n-1], limits[i].Load())
					}
				}
			})
		}
		r := rand.New(rand.NewPCG(4, 4))
		for i, h := range d.open() {
			for range r.IntN(2000) {
				runtime.Gosched()
			}
			h.End(event.Closing{Reason: "revoked", Message: fmt.Sprint("number ", i)})
			s.log.Mu.Lock()
			limits[i].Store(s.log.Head)
			s.log.Mu.Unlock()
			h.End(event.Closing{Reason: "ended"}) // counts for nothing
		}
		reading.Wait()
		stop()
		publishing.Wait()
		s.settle(0)
		if st := s.streams.Stats(); st.Closed["revoked"] != readers || len(d.ended()) != readers {
			t.Errorf("got %+v, %v", st.Closed, d.ended())
		}
		for _, h := range d.open() {
			h.End(event.Closing{Reason: "revoked"}) // long over
			if h.Detached() == s.portable {
				t.Error("a stream is of the wrong kind")
			}
		}
	})
}

// A stream may be ended in the moment it is opened, and before; each reason has its own words and time to come back.
func TestEndWhileOpening(t *testing.T) {
	each(t, stream.Options{Retry: 10 * time.Millisecond}, hub.Options{}, func(t *testing.T, s *site) {
		for _, row := range []struct {
			reason string
			least  time.Duration
			counts stream.Reason
		}{{"revoked", 5 * time.Second, stream.Revoked}, {"ended", 5 * time.Minute, stream.Ended}, {"a word of tomorrow", 5 * time.Minute, stream.Ended}} {
			why := make(chan stream.Reason, 1)
			s.ask = func(_ *http.Request, ask *stream.Request) {
				ask.Opened = func(h *stream.Handle) { h.End(event.Closing{Reason: row.reason}) }
				ask.Ended = func(r stream.Reason) { why <- r }
			}
			f := s.follow("/", "")
			f.closed(row.reason)
			if f.retry[len(f.retry)-1] < row.least {
				t.Errorf("%s: come back after %v, want at least %v", row.reason, f.retry, row.least)
			}
			if got := <-why; got != row.counts {
				t.Errorf("%s: ended as %v, want %v", row.reason, got, row.counts)
			}
		}
	})
}

// One that takes nothing is ended all the same, without its last words.
func TestEndOfAStuckReader(t *testing.T) {
	each(t, stream.Options{Stuck: time.Hour, Drain: 50 * time.Millisecond, Heartbeat: 100 * time.Millisecond}, hub.Options{}, func(t *testing.T, s *site) {
		d := new(desk)
		s.ask = func(r *http.Request, ask *stream.Request) { d.sign(ask) }
		conn := s.dial("/", "")
		defer conn.Close()
		narrow(t, conn)
		s.settle(1)
		written := s.streams.Stats().Bytes
		for still := 0; still < 20; { // until nothing more goes out
			for range 20 {
				s.log.put(ev(t, "a", "x:y", still, 9000))
			}
			s.seen(int64(s.log.Head))
			if now := s.streams.Stats().Bytes; now == written {
				still++
			} else {
				still, written = 0, now
			}
		}
		d.open()[0].End(event.Closing{Reason: "revoked"})
		s.settle(0)
		if got := d.ended(); len(got) != 1 || got[0] != stream.Revoked {
			t.Errorf("got %v, want it revoked", got)
		}
	})
}

// Who finds no place goes on as a poller, with nothing but Last-Event-ID: every event comes, once and in order.
func TestPolls(t *testing.T) {
	each(t, stream.Options{SlowBytes: -1}, hub.Options{ChunkBytes: 2000, FeedBytes: 6000, PageEvents: 20}, func(t *testing.T, s *site) {
		d := new(desk)
		s.ask = func(_ *http.Request, ask *stream.Request) {
			d.sign(ask)
			ask.Poll = &event.Limit{Reason: event.LimitUser, Message: "No place.", Help: "Make one.", Max: event.Num(10), RetryMs: 7000}
			ask.Restricted = true
		}
		s.log.put(ev(t, "a", "logs:app", 0, 0), ev(t, "b", "logs:app", 1, 0))
		s.seen(2)
		last, polls := "", 0
		var got []uint64
		for n := 0; n < 400; polls++ {
			f := s.follow("/?servers=a", last)
			frames := f.until(named("stream:limit"))
			if fr, ok := f.next(); ok {
				t.Fatalf("got %v after the end", fr)
			}
			limit := frames[len(frames)-1]
			if frames[0].field("poll") != "true" || frames[len(frames)-2].event != "stream:heartbeat" || frames[len(frames)-2].id != limit.id {
				t.Fatalf("got %v, want a sync that says it is a poll, and a heartbeat at the place of the limit", frames)
			}
			if (last == "") != (frames[0].field("mode") == "fresh") {
				t.Fatalf("poll %d after %q: got %v", polls, last, frames[0])
			}
			wait := f.retry[len(f.retry)-1]
			if limit.field("reason") != "user" || limit.field("message") != "No place." || limit.field("help") != "Make one." || limit.field("max") != "10" ||
				limit.field("place") != limit.id || wait < 7*time.Second || wait > 10500*time.Millisecond || limit.field("retryMs") != fmt.Sprint(wait.Milliseconds()) {
				t.Fatalf("got %v with %v", limit, f.retry)
			}
			got = append(got, recorded(frames)...)
			for _, fr := range frames {
				if fr.id != "" {
					last = fr.id
				}
			}
			for range rand.IntN(40) {
				s.log.put(ev(t, "a", "logs:app", n, 200), ev(t, "b", "logs:app", n, 200))
				n++
			}
		}
		filter, _ := event.ParseFilter("a", "")
		all := s.log.places(filter, 0)
		sameSeqs(t, "all polls", got, all[:len(got)])
		if len(got) < 300 {
			t.Errorf("%d events in %d polls", len(got), polls)
		}
		s.settle(0)
		if st := s.streams.Stats(); st.Closed["limit"] != int64(polls) || len(d.ended()) != polls {
			t.Errorf("got %+v, %d ended; want %d polls", st.Closed, len(d.ended()), polls)
		}
	})
}

// No id or place that a restricted stream names tells of what its reader may not see.
func TestNoPlaceOfWhatIsHidden(t *testing.T) {
	each(t, stream.Options{Heartbeat: 20 * time.Millisecond}, hub.Options{}, func(t *testing.T, s *site) {
		s.ask = func(_ *http.Request, ask *stream.Request) { ask.Restricted = true }
		mine, _ := event.ParseFilter("a", "")
		s.log.put(ev(t, "b", "logs:app", 0, 0), ev(t, "b", "logs:app", 0, 0))
		s.seen(2)
		fresh := s.follow("/?servers=a", "")
		for _, fr := range fresh.until(named("stream:heartbeat")) {
			if begin := "7.0"; fr.id != "" && fr.id != begin || fr.field("place") != "" && fr.field("place") != begin {
				t.Errorf("got %v, want no place but %s: there is nothing that it may see", fr, begin)
			}
		}
		var frames []frame
		for i := range 10 {
			s.log.put(ev(t, "b", "logs:app", i, 0))
			id := s.log.put(ev(t, "a", "logs:app", i, 0))
			s.log.put(ev(t, "b", "logs:app", i, 0), ev(t, "b", "logs:app", i, 0))
			came := fresh.until(at(id))
			if i == 0 { // a heartbeat may come before it, which still names the beginning
				came = slices.DeleteFunc(came, func(fr frame) bool { return fr.field("place") == "7.0" })
			}
			frames = append(frames, came...)
			frames = append(frames, fresh.until(named("stream:heartbeat"))...)
		}
		for _, last := range []string{"7.1", "7.4", "7.20", "7.41", "7.42", "7.99"} {
			f := s.follow("/?servers=a", last)
			for _, fr := range f.until(named("stream:heartbeat")) {
				if fr.id != last && fr.field("place") != last {
					frames = append(frames, fr)
				}
			}
			f.close()
		}
		visible := make(map[string]bool)
		for _, seq := range s.log.places(mine, 0) {
			visible[event.ID{Epoch: 7, Seq: seq}.String()] = true
		}
		for _, fr := range frames {
			for _, place := range []string{fr.id, fr.field("place")} {
				if place != "" && !visible[place] {
					t.Errorf("got %v, which names %s", fr, place)
				}
			}
		}
	})
}

// The end of a stream is logged with who it was, why and how long it lasted, at the level it deserves.
func TestLogLines(t *testing.T) {
	for _, way := range ways[:3] {
		if way.gzip {
			continue
		}
		t.Run(way.name, func(t *testing.T) {
			var lines lockedBuffer
			logger := slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
			s := open(t, newMemLog(), stream.Options{Portable: way.portable, Logger: logger, Stuck: 300 * time.Millisecond}, hub.Options{})
			d := new(desk)
			s.ask = func(r *http.Request, ask *stream.Request) {
				d.sign(ask)
				ask.Who = who(r.URL.Query().Get("who"))
			}
			gone, revoked := s.follow("/?who=gone", ""), s.follow("/?who=revoked", "")
			revoked.until(named("stream:heartbeat"))
			gone.until(named("stream:heartbeat"))
			gone.close()
			s.settle(1)
			for _, h := range d.open() {
				h.End(event.Closing{Reason: "revoked"})
			}
			revoked.closed("revoked")
			s.settle(0)
			conn := s.dial("/?who=slow", "")
			defer conn.Close()
			narrow(t, conn)
			for i := 0; s.streams.Stats().Closed["slow"] == 0; i++ {
				s.log.put(ev(t, "a", "x:y", i, 9000))
				s.seen(int64(s.log.Head))
			}
			s.settle(0)
			levels := map[string]string{"gone": "DEBUG", "revoked": "INFO", "slow": "WARN"}
			for _, line := range bytes.Split(lines.bytes(), []byte("\n")) {
				var got struct {
					Level, Msg, Reason, User string
					Lived                    *time.Duration
				}
				if json.Unmarshal(line, &got) != nil || got.Msg != "stream ended" || got.User == "" {
					continue
				}
				if got.Level != levels[got.User] || got.Reason != got.User || got.Lived == nil || *got.Lived < 0 {
					t.Errorf("got %s, want level %s", line, levels[got.User])
				}
				delete(levels, got.User)
			}
			if len(levels) > 0 {
				t.Errorf("no line for %v in\n%s", levels, lines.bytes())
			}
		})
	}
}

type who string

func (w who) LogValue() slog.Value { return slog.GroupValue(slog.String("user", string(w))) }

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}
