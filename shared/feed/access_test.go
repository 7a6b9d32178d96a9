package feed_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// pollAs is how an answer begins that is no stream.
func pollAs(mode, place string) string {
	p := event.Sync{Mode: mode, HeartbeatMs: beat.Milliseconds(), ServerTime: time.Now(), Place: id(place), Poll: true}
	return "retry: 1000\n\n" + control(event.StreamSync, "", p)
}

func limitAt(place string) string {
	return "retry: 6000\n\n" + control(event.StreamLimit, place, event.Limit{Reason: event.LimitUser, Message: "Ten are open.", Help: "End one.", Max: event.Num(10), RetryMs: 6000, Place: id(place)})
}

// Over a limit every event comes all the same, each once, a few seconds late; and it is live as soon as there is a place.
func TestPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _ := follow(t, &feed.Client{}, 40*time.Second,
			func(c *conn) {
				c.send(pollAs("fresh", "a.5"), ev("a.5"))
				c.send(beatAt("a.5"))
				c.send(limitAt("a.5"))
			},
			func(c *conn) {
				for _, piece := range []string{pollAs("resumed", "a.7"), ev("a.6"), ev("a.7"), beatAt("a.7"), limitAt("a.7")} {
					c.send(piece)
				}
			},
			func(c *conn) { c.send(pollAs("resumed", "a.7"), beatAt("a.7"), limitAt("a.7")) },
			func(c *conn) {
				c.send(syncAs("resumed", "a.9"), ev("a.8"), ev("a.9"), beatAt("a.9"))
				c.hold()
			})
		equal(t, "asked after", strings.Join(s.asks(), " "), " a.5 a.7 a.7")
		for i, w := range s.times() {
			if w != 6*time.Second {
				t.Errorf("wait %d was %v, want the 6 s it was told", i, w)
			}
		}
		equal(t, "events", r.got(), "sync a.5 heartbeat limit sync a.6 a.7 heartbeat limit sync heartbeat limit sync a.8 a.9 heartbeat")
		// It never claims to be live before it is, and does not flicker from poll to poll.
		equal(t, "phases", r.went(), "connecting > catching up > polling > live > idle")
		b := r.batch()
		a := b.Account
		if a.Polls != 3 || a.Reconnects != 0 || a.Received != 5 || a.Repeated != 0 || a.Gaps != 0 || a.Replayed != 5 {
			t.Errorf("got %+v", a)
		}
		if !strings.Contains(a.String(), ", 3 polls;") {
			t.Errorf("got %s", a)
		}
		if b.State.Limit != (event.Limit{}) || b.State.Closing != "" {
			t.Errorf("got %+v, want nothing of it left", b.State)
		}
	})
}

func TestWhatPollingSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		probes := 0
		c := &feed.Client{Probe: func(context.Context) bool { probes++; return true }}
		r, _, _ := follow(t, c, 5*time.Second, func(c *conn) { c.send(pollAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"), limitAt("a.5")) })
		if while := r.waiting; while.Phase != feed.Polling || while.Reason != "Ten are open." || while.Limit.Help != "End one." || while.Limit.Reason != "user" ||
			while.Next.Sub(while.Lost) != 6*time.Second || while.Watched || while.Failures != 0 {
			t.Errorf("got %+v, want it to say why, since when and until when", while)
		}
		if probes != 0 {
			t.Errorf("%d probes: each would have been a poll", probes)
		}
	})
}

// A poll that comes to nothing is a lost connection like any other, and what follows is a poll again.
func TestAPollThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _ := follow(t, &feed.Client{}, 40*time.Second,
			func(c *conn) { c.send(pollAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"), limitAt("a.5")) },
			func(c *conn) { c.err = errors.New("no route") },
			func(c *conn) { c.send(pollAs("resumed", "a.6"), ev("a.6")) }, // cut off
			func(c *conn) {
				c.send(pollAs("resumed", "a.7"), ev("a.7"), beatAt("a.7"), limitAt("a.7")) // again and again
			})
		equal(t, "phases", r.went(), "connecting > polling > reconnecting > catching up > reconnecting > polling > idle")
		equal(t, "asked after", strings.Join(s.asks()[:4], " "), " a.5 a.5 a.6")
		if got, want := r.got(), "sync a.5 heartbeat limit sync a.6 sync a.7 heartbeat limit sync heartbeat limit"; !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s first", got, want)
		}
	})
}

// A stream whose right to read has ended is asked for once more, not at once, and says why until the answer decides.
func TestExpired(t *testing.T) {
	for _, reason := range []string{event.ClosingExpired, event.ClosingRevoked} {
		t.Run(reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, s, err := follow(t, &feed.Client{}, 20*time.Second,
					func(c *conn) {
						c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"))
						c.send("retry: 6000\n\n", control(event.StreamClosing, "", event.Closing{Reason: reason, Message: "Sign in again.", RetryMs: 6000}))
					},
					func(c *conn) { c.head.Status, c.head.ContentType = 401, "application/problem+json" },
					func(c *conn) { c.hold() })
				refused, ok := errors.AsType[*feed.RefusedError](err)
				if !ok || refused.Status != 401 {
					t.Fatalf("got %v, want a refusal", err)
				}
				if w := s.times(); len(w) != 1 || w[0] < 6*time.Second {
					t.Errorf("waits %v, want one of at least 6 s", w)
				}
				if st := r.batch().State; st.Phase != feed.Refused || st.Status != 401 || st.Closing != reason {
					t.Errorf("got %+v, want it to say still why the stream ended", st)
				}
				if st := r.waiting; st.Phase != feed.Reconnecting || st.Closing != reason || st.Reason != "Sign in again." {
					t.Errorf("got %+v while it waits", st)
				}
			})
		})
	}
}

// A stream that was ended on purpose is not opened again unasked.
func TestEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &feed.Client{}
		r, s, err := follow(t, c, 20*time.Minute,
			func(c *conn) {
				c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"))
				c.send("retry: 300000\n\n", control(event.StreamClosing, "", event.Closing{Reason: event.ClosingEnded, Message: "Ended elsewhere.", RetryMs: 300000}))
			},
			func(c *conn) { c.hold() })
		if refused, ok := errors.AsType[*feed.RefusedError](err); !ok || refused.Detail != "Ended elsewhere." || err.Error() != "feed: ended: Ended elsewhere." {
			t.Fatalf("got %v", err)
		}
		if n := len(s.asks()); n != 1 {
			t.Errorf("asked %d times", n)
		}
		if st := r.batch().State; st.Phase != feed.Refused || st.Status != 0 || st.Closing != event.ClosingEnded || st.Reason != "Ended elsewhere." {
			t.Errorf("got %+v", st)
		}
		equal(t, "place", r.batch().Place, id("a.5"))
	})
}
