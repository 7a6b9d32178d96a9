package redis_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/journaltest"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestLog(t *testing.T) {
	for _, engine := range []struct {
		name      string
		tailBytes int
	}{
		{"FromMemory", 0},
		{"FromRedis", 1}, // so that Tails find hardly anything in memory
	} {
		t.Run(engine.name, func(t *testing.T) { journaltest.TestLog(t, newStore(t, engine.tailBytes)) })
	}
}

func TestNotes(t *testing.T) { journaltest.TestNotes(t, newStore(t, 0)) }

func TestNotesOfManyInstances(t *testing.T) { journaltest.TestNotesOfManyInstances(t, newStore(t, 0)) }

func TestShelf(t *testing.T) { journaltest.TestShelf(t, newStore(t, 0)) }

func TestShelfOfManyInstances(t *testing.T) { journaltest.TestShelfOfManyInstances(t, newStore(t, 0)) }

// newStore returns what makes empty records in one Redis.
func newStore(t *testing.T, tailBytes int) func(t *testing.T) journaltest.Store {
	return storeAt(redistest.Start(t).URL(), tailBytes)
}

func storeAt(url string, tailBytes int) func(t *testing.T) journaltest.Store {
	return func(t *testing.T) journaltest.Store {
		name := names.next()
		return func(t testing.TB, o journaltest.Options) journaltest.Log {
			t.Helper()
			if o.Retention.DedupWindow == 0 { // else the zero one would be the default
				o.Retention.DedupWindow = journal.DefaultRetention.DedupWindow
			}
			return open(t, redis.Options{URL: url, Name: name, Retention: o.Retention, Now: o.Now, TailBytes: tailBytes})
		}
	}
}

func open(t testing.TB, o redis.Options) *redis.Log {
	t.Helper()
	l, err := redis.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
