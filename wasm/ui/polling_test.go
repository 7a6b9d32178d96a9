package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// A page without a place for a stream is not live, and yet the server answers it: it asks for what no stream brings, and does not say
// that the record can't be read.
func TestPollingReadsTheRecord(t *testing.T) {
	for _, path := range []string{"/servers/github-mcp?range=hour", "/deployments"} {
		r := &remembered{clocked: &clocked{harbour(t), noon}}
		var asked []model.Wish
		r.phase(feed.Polling, noon, func(s *feed.State) { s.Lost = noon })
		page, d := visited(t, &polled{r, &asked}, path)
		painted(t, r, page, d)
		if len(asked) != 1 || !asked[0].Deployments {
			t.Errorf("%s: of the record it wishes for %+v, want the deployments", path, asked)
		}
		if note := d.root.find("ch-note"); note != nil && !strings.HasPrefix(note.words(), "A point is ") {
			t.Errorf("%s: of its charts it says %q", path, note.words())
		}
		r.phase(feed.Offline, noon, func(s *feed.State) { s.Lost = noon })
		r.now = r.now.Add(time.Minute)
		painted(t, r, page, d)
		if note := d.root.find("ch-note"); note != nil && !strings.HasPrefix(note.words(), "Not live: ") {
			t.Errorf("%s: offline it says of its charts %q", path, note.words())
		}
	}
}

// polled is a world whose record answers at once, and which notes what is to be read of it.
type polled struct {
	*remembered
	asked *[]model.Wish
}

func (p *polled) ReadLog(wish model.Wish) { *p.asked = append(*p.asked, wish) }
