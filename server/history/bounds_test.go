package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Metrics that somebody invented make room for those of the catalogue: of the server that has most of them first, and of these the one longest
// silent. What has gone does not come back from the shelf.
func TestMetricsOfTheCatalogueComeFirst(t *testing.T) {
	b := newBench(t)
	r := b.recorder(b.log, Options{})
	own := func(server string, i int) event.Event {
		return sample(server, fmt.Sprintf("metrics:t%02d", i), b.now().Add(time.Duration(i)*time.Second), `"value":1`)
	}
	var events []event.Event
	for s := range 100 {
		for i := range MaxTypes {
			if s < 99 || i < 98 { // two less than there may be
				events = append(events, own(fmt.Sprintf("s%02d", s), i))
			}
		}
	}
	b.publish(events...)
	b.publish(cpu("web-1", b.now(), 1), sample("web-1", "metrics:own", b.now(), `"value":1`)) // now there are as many as there may be
	b.write(r)
	b.publish(cpu("web-2", b.now(), 1), cpu("web-3", b.now(), 1), sample("web-2", "metrics:own", b.now(), `"value":1`))
	b.catchUp(r)
	check := func(r *Recorder) {
		t.Helper()
		for _, row := range []struct {
			id
			has bool
		}{
			{id{"web-1", "metrics:cpu"}, true}, {id{"web-2", "metrics:cpu"}, true}, {id{"web-3", "metrics:cpu"}, true},
			{id{"web-1", "metrics:own"}, true}, {id{"web-2", "metrics:own"}, false}, {id{"s00", "metrics:t00"}, false},
			{id{"s00", "metrics:t01"}, true}, {id{"s01", "metrics:t00"}, false}, {id{"s01", "metrics:t01"}, true}, {id{"s02", "metrics:t00"}, true},
		} {
			if got := r.series[row.id] != nil; got != row.has {
				t.Errorf("%s of %s: kept %v, want %v", row.typ, row.server, got, row.has)
			}
		}
		if len(r.series) != MaxSeries {
			t.Errorf("%d are kept", len(r.series))
		}
	}
	check(r)
	b.write(r)
	check(b.recorder(b.log, Options{}))
}
