package cluster

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const prefix = "{telltale:test}:"

// client returns one for the server, until the test is over.
func client(t *testing.T, s *redistest.Server) goredis.UniversalClient {
	t.Helper()
	c := goredis.NewClient(&goredis.Options{Addr: s.Addr(), MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: 5 * time.Second})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// patience bounds every wait; only what is broken takes that long.
const patience = 30 * time.Second

// until waits for something to be so.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !ok(); <-tick.C {
		if time.Since(began) > patience {
			t.Fatal("still waiting: " + what)
		}
	}
}
