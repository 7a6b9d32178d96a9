package feed_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
)

// The promise to who looks: live again within three seconds of the server's return, however long it was away.
func TestProbesBringItBackAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name   string
		unseen bool
		within time.Duration
	}{
		{"seen", false, 3 * time.Second},
		{"unseen", true, 45 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const away = 10*time.Minute + 700*time.Millisecond
				begun := time.Now()
				up := func() bool { return time.Since(begun) >= away }
				probes := 0
				c := &feed.Client{Silence: -1, Probe: func(context.Context) bool { probes++; return up() }}
				c.SetSeen(!tt.unseen)
				r, s, _ := follow(t, c, away+time.Minute, func(c *conn) {
					if !up() {
						c.err = errors.New("connection refused")
						return
					}
					c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"))
					c.hold()
				})
				last := s.asked[len(s.asked)-1].at.Sub(begun) - away
				if last < 0 || last > tt.within {
					t.Errorf("asked for a stream %v after the server's return, want %v at most", last, tt.within)
				}
				if n := len(s.asks()); n > 30 {
					t.Errorf("opened %d streams in ten minutes: probes must not make tries more frequent", n)
				}
				if (probes == 0) != tt.unseen {
					t.Errorf("%d probes", probes)
				}
				watched := r.batch().State.Watched
				if watched {
					t.Error("says that it watches for a server that is there")
				}
			})
		})
	}
}

func TestProbesWaitUntilTheServerWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first time.Duration
		begun := time.Now()
		c := &feed.Client{Probe: func(context.Context) bool {
			if first == 0 {
				first = time.Since(begun)
			}
			return true
		}}
		_, s, _ := follow(t, c, 25*time.Second, func(c *conn) {
			c.head = feed.Response{Status: 503, RetryAfter: "20"}
		})
		if first != 0 && first < 20*time.Second || len(s.asks()) < 2 {
			t.Errorf("first probe after %v, %d tries: want none before the 20 s the server asked for, and a try after", first, len(s.asks()))
		}
	})
}

// A server that says yes and gives no stream is not asked ever faster.
func TestFalseAlarmsMakeProbesRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		probes := 0
		c := &feed.Client{Probe: func(context.Context) bool { probes++; return true }}
		_, s, _ := follow(t, c, 10*time.Minute, func(c *conn) { c.head.Status = 500 })
		if n := len(s.asks()); n > 30 {
			t.Errorf("%d tries in ten minutes, %d probes", n, probes)
		}
	})
}

func TestWakeDoubtsAnOpenConnection(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers bool
		asked   string
		phases  string
	}{
		{"the server answers", true, "", "connecting > live > idle"},
		{"it does not", false, ",a.5", "connecting > live > stale > live > idle"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &feed.Client{Probe: func(ctx context.Context) bool {
					if !tt.answers {
						<-ctx.Done()
					}
					return tt.answers
				}}
				go func() {
					time.Sleep(5 * time.Second)
					c.Wake()
				}()
				r, s, _ := follow(t, c, 14*time.Second, func(c *conn) {
					c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"))
					c.hold()
				}, func(c *conn) {
					c.send(syncAs("resumed", "a.5"), beatAt("a.5"))
					c.hold()
				})
				equal(t, "asked", strings.Join(s.asks(), ","), tt.asked)
				equal(t, "phases", r.went(), tt.phases)
			})
		})
	}
}

func TestBackOnTheNetworkIsANewConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &feed.Client{}
		go func() {
			time.Sleep(5 * time.Second)
			c.SetOnline(false)
			time.Sleep(time.Second)
			c.SetOnline(true)
			c.SetOnline(true)
		}()
		_, s, _ := follow(t, c, 10*time.Second, func(c *conn) {
			c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"))
			c.hold()
		}, func(c *conn) {
			c.send(syncAs("resumed", "a.5"), beatAt("a.5"))
			c.hold()
		})
		equal(t, "asked", strings.Join(s.asks(), ","), ",a.5")
		equal(t, "after", s.times()[0], 6*time.Second)
	})
}
