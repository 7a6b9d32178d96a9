package feed_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
)

// An id that comes without data is a place all the same: the next connection goes on from there. Within a picture it is none yet.
func TestAnIDWithoutData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, _ := follow(t, &feed.Client{}, 20*time.Second,
			func(c *conn) { c.send(syncAs("fresh", "a.5"), "id: "+id("a.9").String()+"\n\n", ev("a.5")) }, // cut off
			func(c *conn) {
				c.send(syncAs("fresh", "a.5"), ev("a.5"), beatAt("a.5"), "id: "+id("a.9").String()+"\n\n")
			},
			func(c *conn) {
				c.send(syncAs("resumed", "a.10"), ev("a.9"), ev("a.10"), beatAt("a.10"), "id: other\n\n")
			},
			func(c *conn) { c.hold() })
		equal(t, "asked after", strings.Join(s.asks(), " "), "  a.9 a.10")
		equal(t, "events", r.got(), "sync a.5 sync heartbeat sync a.10 heartbeat")
	})
}
