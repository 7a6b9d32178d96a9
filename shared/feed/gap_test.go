package feed_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

func slow(from, to string, n int64) string {
	return control(event.StreamGap, "", event.Gap{Reason: "slow", From: id(from), To: id(to), Count: n})
}

func away(reason string) string {
	return control(event.StreamGap, "", event.Gap{Reason: reason, From: id("a.6")})
}

// What a slow link was spared is said when that stretch is past. When the connection is lost within it, all of it comes, and
// nothing has been skipped.
func TestSkippedIsSaidWhenItIsPast(t *testing.T) {
	begin := syncAs("fresh", "a.6") + ev("a.6") + beatAt("a.6") + slow("a.6", "a.20", 12) + ev("a.12") + ev("a.18")
	for _, tt := range []struct {
		name     string
		then     []string // on the same connection
		second   []string // on the next
		want     string
		asked    string
		skipped  uint64
		repeated uint64
	}{
		{"past by an event", []string{ev("a.21")}, nil, "sync a.6 heartbeat gap a.12 a.18 a.21", "a.21", 12, 0},
		{"past by a heartbeat", []string{beatAt("a.15"), beatAt("a.20")}, nil, "sync a.6 heartbeat heartbeat gap a.12 a.18 heartbeat", "a.20", 12, 0},
		{"past by the next stretch", []string{slow("a.20", "a.30", 9), ev("a.30"), ev("a.31")}, nil,
			"sync a.6 heartbeat gap a.12 a.18 gap a.30 a.31", "a.31", 21, 0},
		{"the record away meanwhile", []string{away("pending"), ev("a.19"), away("settled"), ev("a.21")}, nil,
			"sync a.6 heartbeat gap gap gap a.12 a.18 a.19 a.21", "a.21", 12, 0},
		{"cut short", nil, []string{syncAs("resumed", "a.14"), ev("a.7"), ev("a.12"), ev("a.14"), beatAt("a.14"), ev("a.18")},
			"sync a.6 heartbeat sync a.7 a.12 a.14 heartbeat a.18", "a.6", 0, 2},
		{"cut short, and spared again", nil, []string{syncAs("resumed", "a.7"), ev("a.7"), beatAt("a.7"), slow("a.7", "a.20", 11), ev("a.12"), ev("a.18"), ev("a.21")},
			"sync a.6 heartbeat sync a.7 heartbeat gap a.12 a.18 a.21", "a.6", 11, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, s, _ := follow(t, &feed.Client{}, 10*time.Second,
					func(c *conn) {
						c.send(begin)
						for _, text := range tt.then {
							c.send(text)
						}
					},
					func(c *conn) {
						for _, text := range tt.second {
							c.send(text)
						}
						c.hold()
					})
				equal(t, "events", r.got(), tt.want)
				equal(t, "asked", s.asks()[1], tt.asked)
				a := r.batch().Account
				equal(t, "skipped", a.Skipped, tt.skipped)
				equal(t, "repeated", a.Repeated, tt.repeated)
			})
		})
	}
}

// A server that never ends its stretch does not make the reader's memory grow.
func TestSparedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		r, _, _ := follow(t, &feed.Client{}, 10*time.Second, func(c *conn) {
			c.send(syncAs("fresh", "a.6"), ev("a.6"), beatAt("a.6"), slow("a.6", "a.99999", 1))
			for i := range uint64(n) {
				c.send(ev(event.ID{Epoch: 10, Seq: 7 + i}.String()))
			}
			c.hold()
		})
		a := r.batch().Account
		equal(t, "received", a.Received, n+1)
		equal(t, "skipped", a.Skipped, 1)
	})
}

// Two halves of pictures between which nothing happened are one.
func TestHalfAPictureOfTheSameMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := follow(t, &feed.Client{}, 10*time.Second,
			func(c *conn) { c.send(syncAs("fresh", "a.9"), ev("a.3")) },
			func(c *conn) { c.send(syncAs("fresh", "a.9"), ev("a.3"), ev("a.9"), beatAt("a.9")); c.hold() })
		equal(t, "events", r.got(), "sync a.3 sync a.9 heartbeat")
		equal(t, "gaps", r.batch().Account.Gaps, 0)
	})
}

// Each picture that is not the one before names what lies between; of a picture that came in the place of what was missed,
// and was cut off itself, the next one names the rest.
func TestPicturesInPlaceOfWhatWasMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _ := follow(t, &feed.Client{}, 20*time.Second,
			func(c *conn) { c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5")) },
			func(c *conn) { c.send(syncAs("fresh", "a.9"), ev("a.7")) },
			func(c *conn) { c.send(syncAs("fresh", "a.20"), ev("a.7"), ev("a.18"), beatAt("a.20")); c.hold() })
		equal(t, "events", r.got(), "sync a.5 heartbeat sync gap a.7 sync gap a.18 heartbeat")
		equal(t, "asked", s.asks()[1]+","+s.asks()[2], "a.5,")
		equal(t, "gaps", r.batch().Account.Gaps, 2)
	})
}

// In an empty log there is no place to resume after: of what came while the connection was lost, a picture has only the newest.
func TestAPictureAfterAnEmptyLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _ := follow(t, &feed.Client{}, 10*time.Second,
			func(c *conn) { c.send(syncAs("fresh", ""), beatAt("")) },
			func(c *conn) { c.send(syncAs("fresh", ""), beatAt("")) },
			func(c *conn) { c.send(syncAs("fresh", "a.5"), ev("a.1"), ev("a.5"), beatAt("a.5")); c.hold() })
		equal(t, "events", r.got(), "sync heartbeat sync heartbeat sync gap a.1 a.5 heartbeat")
		equal(t, "asked", s.asks()[1]+","+s.asks()[2], ",")
		equal(t, "gaps", r.batch().Account.Gaps, 1)
	})
}

// What waited for something before it when the connection was lost comes again, with what it waited for.
func TestWaitingEndsWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _ := follow(t, &feed.Client{Window: 10}, 10*time.Second,
			func(c *conn) { c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"), ev("a.6"), ev("a.9")) },
			func(c *conn) {
				c.send(syncAs("resumed", "a.9"), ev("a.7"))
				c.send(ev("a.8"), ev("a.9"), beatAt("a.9"))
				c.hold()
			})
		equal(t, "events", r.got(), "sync a.5 heartbeat a.6 sync a.7 a.8 a.9 heartbeat")
		equal(t, "asked", s.asks()[1], "a.6")
		a := r.batch().Account
		equal(t, "repeated", a.Repeated, 1)
		equal(t, "received", a.Received, 5)
	})
}
