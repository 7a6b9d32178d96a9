package feed_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// follow runs a client over the scripts for so long of virtual time, and returns what came of it.
func follow(t *testing.T, c *feed.Client, d time.Duration, scripts ...func(*conn)) (*reader, *server, error) {
	t.Helper()
	r, s := &reader{}, &server{scripts: scripts}
	c.Source, c.Handle = s, r.handle
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	err := c.Run(ctx)
	synctest.Wait()
	return r, s, err
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func TestFreshPictureThenLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &feed.Client{}
		r, s, err := follow(t, c, time.Minute, func(c *conn) {
			c.send(syncAs("fresh", "a.9"), ev("a.3"), ev("a.7"))
			c.send(beatAt("a.9"))
			c.send(ev("a.10"), ev("a.12"))
			for range 3 {
				time.Sleep(beat)
				c.send(beatAt("a.12"))
			}
			c.hold()
		})
		equal(t, "error", err, context.DeadlineExceeded)
		equal(t, "events", r.got(), "sync a.3 a.7 heartbeat a.10 a.12 heartbeat heartbeat heartbeat")
		equal(t, "phases", r.went(), "connecting > catching up > live > idle")
		equal(t, "asked", strings.Join(s.asks(), ","), "")
		equal(t, "place", c.After, id("a.12"))
		a := r.batch().Account
		equal(t, "received", a.Received, 4)
		equal(t, "replayed", a.Replayed, 2)
		equal(t, "reconnects", a.Reconnects, 0)
		equal(t, "version", r.batch().State.Version, "1.2.3")
		equal(t, "beat", r.batch().State.Beat, beat)
	})
}

func TestResumesWhereItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _ := follow(t, &feed.Client{}, 20*time.Second,
			func(c *conn) {
				c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"), ev("a.6"))
				c.send(ev("a.7")[:20]) // cut in mid-event
			},
			func(c *conn) {
				c.send(syncAs("resumed", "a.8"), ev("a.6"), ev("a.7"), ev("a.8"), beatAt("a.8"), ev("a.9"))
				c.hold()
			})
		equal(t, "events", r.got(), "sync a.5 heartbeat a.6 sync a.7 a.8 heartbeat a.9")
		equal(t, "asked", strings.Join(s.asks(), ","), ",a.6")
		equal(t, "phases", r.went(), "connecting > live > reconnecting > live > idle")
		a := r.batch().Account
		equal(t, "repeated", a.Repeated, 1)
		equal(t, "reconnects", a.Reconnects, 1)
		equal(t, "received", a.Received, 5)
		if w := s.times()[0]; w < time.Second || w > 1500*time.Millisecond {
			t.Errorf("waited %v, want 1 s and up to half as much again", w)
		}
	})
}

// A picture cut off is no picture: what has come can't be resumed from, or what is behind it would be missing. And of what
// lies between what has come and the next picture, that one has only the newest.
func TestHalfAPictureIsAskedForAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &feed.Client{}
		r, s, _ := follow(t, c, 20*time.Second,
			func(c *conn) { c.send(syncAs("fresh", "a.9"), ev("a.3"), ev("a.5")) },
			func(c *conn) {
				c.send(syncAs("fresh", "a.11"), ev("a.3"), ev("a.5"), ev("a.9"), ev("a.11"), beatAt("a.11"))
				c.hold()
			})
		equal(t, "events", r.got(), "sync a.3 a.5 sync gap a.9 a.11 heartbeat")
		equal(t, "asked", strings.Join(s.asks(), ","), ",")
		equal(t, "place", c.After, id("a.11"))
		equal(t, "gaps", r.batch().Account.Gaps, 1)
	})
}

func TestBeginsAfterAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _ := follow(t, &feed.Client{After: id("a.5")}, 20*time.Second, func(c *conn) {
			c.send(syncAs("resumed", "a.6"), ev("a.6"), beatAt("a.6"))
			c.hold()
		})
		equal(t, "events", r.got(), "sync a.6 heartbeat")
		equal(t, "asked", strings.Join(s.asks(), ","), "a.5")
	})
}

func TestRunGoesOnWhereItEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &feed.Client{}
		follow(t, c, 5*time.Second, func(c *conn) {
			c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"))
			c.hold()
		})
		r, s, _ := follow(t, c, 5*time.Second, func(c *conn) {
			c.send(syncAs("resumed", "a.6"), ev("a.6"), beatAt("a.6"))
			c.hold()
		})
		equal(t, "asked", strings.Join(s.asks(), ","), "a.5")
		equal(t, "events", r.got(), "sync a.6 heartbeat")
		equal(t, "received", r.batch().Account.Received, 2)
	})
}

func TestSilenceIsADeadConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _ := follow(t, &feed.Client{}, 50*time.Second,
			func(c *conn) {
				c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"))
				c.hold() // open, and not a byte more
			},
			func(c *conn) {
				c.send(syncAs("resumed", "a.5"), beatAt("a.5"))
				c.hold()
			})
		equal(t, "phases", r.went(), "connecting > live > stale > live > idle")
		equal(t, "asked", strings.Join(s.asks(), ","), ",a.5")
		equal(t, "silence", s.times()[0], 2*beat)
		equal(t, "reasons", strings.Join(r.reasons, "; "), "nothing was heard for two heartbeats")
	})
}

func TestOpeningTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _ := follow(t, &feed.Client{}, 40*time.Second, func(c *conn) { <-c.ctx.Done() })
		if n := len(s.asks()); n != 3 {
			t.Errorf("asked %d times in 40 s, want 3: 15 s for each try", n)
		}
		equal(t, "phases", r.went(), "connecting > reconnecting > idle")
	})
}

func TestBacksOffAndTellsOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("connection refused")
		r, s, _ := follow(t, &feed.Client{}, 5*time.Minute, func(c *conn) { c.err = refused })
		for i, w := range s.times() {
			want := min(time.Second<<i, 30*time.Second)
			if w < want || w > want*3/2 {
				t.Errorf("wait %d: got %v, want %v and up to half as much again", i, w, want)
			}
		}
		b := r.batch()
		equal(t, "failures", b.State.Failures, len(s.asks()))
		equal(t, "reasons", strings.Join(r.reasons, "; "), "connection refused")
		if b.State.Failures < 10 {
			t.Errorf("got %d tries in five minutes, want ten or more: it goes on trying", b.State.Failures)
		}
	})
}

func TestTryNowEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &feed.Client{Backoff: feed.Backoff{Min: time.Hour, Max: time.Hour}}
		go func() {
			time.Sleep(10 * time.Second)
			c.TryNow()
			time.Sleep(10 * time.Second)
			c.Wake()
		}()
		_, s, _ := follow(t, c, time.Minute, func(c *conn) { c.err = io.EOF })
		got := s.times()
		if want := []time.Duration{10 * time.Second, 10 * time.Second}; !slices.Equal(got, want) {
			t.Errorf("waits: got %v, want %v", got, want)
		}
	})
}

func TestTryNowHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &feed.Client{}
		go func() {
			time.Sleep(10 * time.Second)
			c.Wake() // heard a moment ago: nothing to do
			time.Sleep(10 * time.Second)
			c.TryNow()
		}()
		r, s, _ := follow(t, c, 25*time.Second, func(c *conn) {
			c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"))
			c.hold()
		}, func(c *conn) {
			c.send(syncAs("resumed", "a.5"), beatAt("a.5"))
			c.hold()
		})
		if got, want := s.times(), []time.Duration{20 * time.Second}; !slices.Equal(got, want) {
			t.Errorf("waits: got %v, want %v", got, want)
		}
		equal(t, "failures", r.batch().State.Failures, 0)
	})
}

func TestOfflineIsSaidAndTriedAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &feed.Client{}
		c.SetOnline(false)
		go func() {
			time.Sleep(40 * time.Second)
			c.SetOnline(true)
		}()
		r, s, _ := follow(t, c, 45*time.Second, func(c *conn) { c.err = io.EOF })
		equal(t, "phases", r.went(), "connecting > offline > reconnecting > idle")
		if n := len(s.asks()); n < 5 {
			t.Errorf("asked %d times in 40 s offline, want 5 or more: the server may be on this device", n)
		}
		last := s.asked[len(s.asked)-1].at.Sub(s.asked[0].at)
		if got := s.asked; !slices.ContainsFunc(got, func(a ask) bool { return a.at.Sub(got[0].at) == 40*time.Second }) {
			t.Errorf("no try at the moment the network came back; the last was at %v", last)
		}
	})
}

func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		head    feed.Response
		body    string
		refused string        // the error's text; "" for one that is tried again
		least   time.Duration // until the second try
		most    time.Duration
	}{
		{"no content", feed.Response{Status: 204}, "", "feed: the server says there is nothing to follow (204)", 0, 0},
		{"bad request", feed.Response{Status: 400, ContentType: "application/problem+json"}, `{"title":"Bad filter","detail":"types: want category:action"}`, "feed: refused (400): types: want category:action", 0, 0},
		{"a proxy's own words", feed.Response{Status: 400}, "Client sent an HTTP request to an HTTPS server.\n", "feed: refused (400): Client sent an HTTP request to an HTTPS server.", 0, 0},
		{"a long answer", feed.Response{Status: 400, ContentType: "text/plain"}, strings.Repeat("x", 300), "feed: refused (400)", 0, 0},
		{"a page without a type", feed.Response{Status: 400}, "<p>", "feed: refused (400)", 0, 0},
		{"unauthorised", feed.Response{Status: 401}, "", "feed: refused (401)", 0, 0},
		{"not found", feed.Response{Status: 404, ContentType: "text/html"}, "<p>", "feed: refused (404)", 0, 0},
		{"request timeout", feed.Response{Status: 408}, "", "", time.Second, 1500 * time.Millisecond},
		{"too early", feed.Response{Status: 425}, "", "", time.Second, 1500 * time.Millisecond},
		{"too many", feed.Response{Status: 429, RetryAfter: "30"}, "", "", 30 * time.Second, 30 * time.Second},
		{"too many until a date", feed.Response{Status: 429, RetryAfter: "Sat, 01 Jan 2000 00:00:42 GMT"}, "", "", 42 * time.Second, 42 * time.Second},
		{"too many for longer than can be counted", feed.Response{Status: 429, RetryAfter: "99999999999999999999"}, "", "", 10 * time.Minute, 10 * time.Minute},
		{"too many for ever", feed.Response{Status: 429, RetryAfter: "999999999"}, "", "", 10 * time.Minute, 10 * time.Minute},
		{"server error", feed.Response{Status: 500}, "", "", time.Second, 1500 * time.Millisecond},
		{"bad gateway", feed.Response{Status: 502, ContentType: "text/html"}, "<p>", "", time.Second, 1500 * time.Millisecond},
		{"unavailable", feed.Response{Status: 503, RetryAfter: "7"}, "", "", 7 * time.Second, 7 * time.Second},
		{"a page instead", feed.Response{Status: 200, ContentType: "text/html"}, "<p>", "", time.Second, 1500 * time.Millisecond},
		{"no type", feed.Response{Status: 200}, "", "", time.Second, 1500 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, s, err := follow(t, &feed.Client{}, 20*time.Minute, func(c *conn) {
					c.head = tt.head
					c.end = io.EOF
					if tt.body != "" {
						c.send(tt.body)
					}
				}, func(c *conn) { c.hold() })
				if tt.refused != "" {
					var refused *feed.RefusedError
					if !errors.As(err, &refused) || err.Error() != tt.refused || refused.Status != tt.head.Status {
						t.Errorf("got %v, want %q", err, tt.refused)
					}
					equal(t, "phases", r.went(), "connecting > refused")
					equal(t, "status", r.batch().State.Status, tt.head.Status)
					return
				}
				if w := s.times()[0]; w < tt.least || w > tt.most {
					t.Errorf("waited %v, want %v to %v", w, tt.least, tt.most)
				}
			})
		})
	}
}

func TestRetryIsTheFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _ := follow(t, &feed.Client{}, 15*time.Second,
			func(c *conn) {
				c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"))
				c.send("retry: 8000\n\n", control(event.StreamClosing, "", event.Closing{Reason: "shutdown", Message: "The server is going down.", RetryMs: 8000}))
			},
			func(c *conn) { c.hold() })
		if w := s.times()[0]; w < 8*time.Second || w > 12*time.Second {
			t.Errorf("waited %v, want 8 s and up to half as much again", w)
		}
		equal(t, "reasons", strings.Join(r.reasons, "; "), "The server is going down.")
		equal(t, "events", r.got(), "sync a.5 heartbeat closing")
	})
}

func TestResets(t *testing.T) {
	for _, tt := range []struct {
		name   string
		second []string // what the second connection sends
		want   string
		gaps   int
		resets int
		place  string
	}{
		{"another epoch", []string{syncAs("reset", "b.2"), ev("b.1"), ev("b.2"), beatAt("b.2")}, "sync b.1 b.2 heartbeat", 0, 1, "b.2"},
		{"an older copy", []string{syncAs("reset", "a.2"), ev("a.2"), beatAt("a.2"), ev("a.3")}, "sync a.2 heartbeat a.3", 0, 1, "a.3"},
		{"an empty log", []string{syncAs("reset", ""), control(event.StreamHeartbeat, "", event.Heartbeat{}), ev("b.1")}, "sync heartbeat b.1", 0, 1, "b.1"},
		{"a straggler of the old", []string{syncAs("reset", "b.2"), ev("b.2"), ev("a.7"), beatAt("b.2")}, "sync b.2 heartbeat", 0, 1, "b.2"},
		{"unannounced", []string{syncAs("resumed", "a.5"), beatAt("a.5"), ev("b.1"), ev("a.6"), ev("b.2"), beatAt("b.2")}, "sync heartbeat reset b.1 b.2 heartbeat", 0, 1, "b.2"},
		{"while open", []string{syncAs("resumed", "a.5"), beatAt("a.5"), control(event.StreamReset, "", event.Reset{Reason: "epoch", Place: id("a.5")}), ev("b.1"), beatAt("b.1")}, "sync heartbeat reset b.1 heartbeat", 0, 1, "b.1"},
		{"while open, as our server says it", []string{syncAs("resumed", "a.5"), beatAt("a.5"), control(event.StreamReset, "", event.Reset{Reason: "epoch", Place: id("a.5")}), syncAs("reset", "b.1"), ev("b.1"), beatAt("b.1")}, "sync heartbeat reset sync b.1 heartbeat", 0, 1, "b.1"},
		{"while open, and a fresh picture", []string{syncAs("resumed", "a.5"), beatAt("a.5"), control(event.StreamReset, "", event.Reset{Reason: "epoch", Place: id("a.5")}), syncAs("fresh", "b.1"), ev("b.1"), beatAt("b.1")}, "sync heartbeat reset sync b.1 heartbeat", 0, 1, "b.1"},
		{"trimmed", []string{syncAs("resumed", "a.9"), control(event.StreamGap, "", event.Gap{Reason: "trimmed", From: id("a.5"), To: id("a.8")}), ev("a.9"), beatAt("a.9")}, "sync gap a.9 heartbeat", 1, 0, "a.9"},
		{"a picture though we said where we were", []string{syncAs("fresh", "a.9"), ev("a.9"), beatAt("a.9")}, "sync gap a.9 heartbeat", 1, 0, "a.9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &feed.Client{}
				r, s, _ := follow(t, c, 10*time.Second,
					func(c *conn) { c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5")) },
					func(c *conn) { c.send(tt.second...); c.hold() })
				equal(t, "events", r.got(), "sync a.5 heartbeat "+tt.want)
				equal(t, "asked", strings.Join(s.asks(), ","), ",a.5")
				a := r.batch().Account
				equal(t, "gaps", a.Gaps, tt.gaps)
				equal(t, "resets", a.Resets, tt.resets)
				equal(t, "place", c.After.String(), tt.place)
				if a.Since.IsZero() || a.Since.Equal(s.asked[0].at) {
					t.Errorf("continuous since %v, want since the break", a.Since)
				}
			})
		})
	}
}

func TestHalfAPictureOfAnotherLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := follow(t, &feed.Client{}, 10*time.Second,
			func(c *conn) { c.send(syncAs("fresh", "a.5"), ev("a.3")) },
			func(c *conn) { c.send(syncAs("fresh", "b.1"), ev("b.1"), beatAt("b.1")); c.hold() })
		equal(t, "events", r.got(), "sync a.3 reset sync b.1 heartbeat")
		equal(t, "resets", r.batch().Account.Resets, 1)
	})
}

func TestSkippedForASlowLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := follow(t, &feed.Client{}, 10*time.Second, func(c *conn) {
			c.send(syncAs("fresh", "a.5"), beatAt("a.5"), ev("a.6"))
			c.send(control(event.StreamGap, "a.20", event.Gap{Reason: "slow", From: id("a.6"), To: id("a.20"), Count: 14}), ev("a.21"))
			c.hold()
		})
		equal(t, "events", r.got(), "sync heartbeat a.6 gap a.21")
		a := r.batch().Account
		equal(t, "skipped", a.Skipped, 14)
		equal(t, "gaps", a.Gaps, 0)
	})
}

func TestWhatIsNotOursIsDroppedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := follow(t, &feed.Client{}, 10*time.Second, func(c *conn) {
			c.send(syncAs("fresh", "a.5"), beatAt("a.5"), ": hello\n\n", "data: plain\n\n", "id: not-a-place\nevent: x:y\ndata: {}\n\n", "event: x:y\nid: a.6\ndata: [1]\n\n", ev("a.7"))
			c.hold()
		})
		equal(t, "events", r.got(), "sync heartbeat a.7")
		equal(t, "bad", r.batch().Account.Bad, 3)
	})
}

// Some programs speak server-sent events without our control events; a Client follows them too.
func TestAPlainStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _ := follow(t, &feed.Client{}, 10*time.Second,
			func(c *conn) { c.send(ev("a.1"), ev("a.2")) },
			func(c *conn) { c.send(ev("a.2"), ev("a.3")); c.hold() })
		equal(t, "events", r.got(), "a.1 a.2 a.3")
		equal(t, "asked", strings.Join(s.asks(), ","), ",a.2")
		equal(t, "phases", r.went(), "connecting > live > reconnecting > live > idle")
	})
}

func TestEarlyOnesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := follow(t, &feed.Client{Window: 4}, 10*time.Second, func(c *conn) {
			c.send(syncAs("fresh", "a.5"), ev("a.2"), ev("a.5"), beatAt("a.5"))
			c.send(ev("a.8"))
			c.send(ev("a.7"), ev("a.8"))
			c.send(ev("a.6"))
			c.send(ev("a.11"))
			c.send(beatAt("a.11"))
			c.hold()
		})
		equal(t, "events", r.got(), "sync a.2 a.5 heartbeat a.6 a.7 a.8 gap a.11 heartbeat")
		a := r.batch().Account
		equal(t, "reordered", a.Reordered, 2)
		equal(t, "repeated", a.Repeated, 1)
		equal(t, "gaps", a.Gaps, 1)
	})
}

// However the bytes are cut, the reader gets the same.
func TestAnyChunking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all strings.Builder
		all.WriteString(syncAs("fresh", "a.5") + ev("a.2") + ev("a.5") + beatAt("a.5"))
		want := "sync a.2 a.5 heartbeat"
		for i := 6; i < 60; i++ {
			place := event.ID{Epoch: 10, Seq: uint64(i)}.String()
			all.WriteString(ev(place))
			want += " " + place
		}
		for seed := range uint64(50) {
			random := rand.New(rand.NewPCG(seed, 0))
			r, _, _ := follow(t, &feed.Client{}, time.Second, func(c *conn) {
				for text := all.String(); text != ""; {
					n := min(1+random.IntN(400), len(text))
					c.send(text[:n])
					text = text[n:]
				}
				c.hold()
			})
			equal(t, "events", r.got(), want)
		}
	})
}

func TestTooLargeAFrameEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _ := follow(t, &feed.Client{}, 5*time.Second, func(c *conn) {
			c.send(syncAs("fresh", "a.5"), beatAt("a.5"), ev("a.6"))
			c.send("data: " + strings.Repeat("x", 2<<20))
			c.hold()
		}, func(c *conn) { c.hold() })
		equal(t, "asked", strings.Join(s.asks(), ","), ",a.6")
		if got := strings.Join(r.reasons, "; "); !strings.Contains(got, "too large") {
			t.Errorf("reasons: got %q", got)
		}
	})
}

func TestMovedIsNoInterruption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _ := follow(t, &feed.Client{}, 20*time.Second,
			func(c *conn) {
				c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"))
				c.end = feed.ErrMoved
			},
			func(c *conn) {
				c.send(syncAs("resumed", "a.6"), ev("a.6"), beatAt("a.6"), ev("a.7"))
				c.end = feed.ErrMoved
			},
			func(c *conn) { c.err = errors.New("connection refused") },
			func(c *conn) {
				c.send(syncAs("resumed", "a.7"), beatAt("a.7"))
				c.hold()
			})
		equal(t, "phases", r.went(), "connecting > live > reconnecting > live > idle")
		equal(t, "asked", strings.Join(s.asks(), ","), ",a.5,a.7,a.7")
		equal(t, "got", r.got(), "sync a.5 heartbeat sync a.6 heartbeat a.7 sync heartbeat")
		if w := s.times(); w[0] != 0 || w[1] != 0 || w[2] == 0 {
			t.Errorf("waits %v, want none until opening failed", w)
		}
		equal(t, "reconnects", r.batch().Account.Reconnects, 1)
	})
}
