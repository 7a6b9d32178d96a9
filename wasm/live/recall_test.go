package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/browser"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// record reads what a source has, so many events a page, and fails first as often as it should.
type record struct {
	src    *source
	fails  int
	status int
	asked  []string
	page   int
	gone   event.ID // retention has taken lines up to there
}

func (r *record) Read(_ context.Context, query string) (browser.Page, error) {
	r.asked = append(r.asked, query)
	if r.fails > 0 {
		r.fails--
		return browser.Page{}, errors.New("no network")
	}
	page := browser.Page{Status: max(r.status, 200)}
	q, err := url.ParseQuery(query)
	if err != nil {
		return browser.Page{}, err
	}
	after, _ := event.ParseID(q.Get("after"))
	from, _ := time.Parse(time.RFC3339, q.Get("from"))
	before, _ := event.ParseID(q.Get("before"))
	if after.Seq < r.gone.Seq && (before.IsZero() || before.Seq > after.Seq) {
		page.Gone = after.String() + " " + r.gone.String()
	}
	filter, err := event.ParseFilter(q.Get("servers"), q.Get("types"))
	if err != nil {
		return browser.Page{}, err
	}
	var b []byte
	n := 0
	r.src.mu.Lock()
	defer r.src.mu.Unlock()
	for _, e := range r.src.log {
		if e.ID.Seq <= max(after.Seq, r.gone.Seq) || !before.IsZero() && e.ID.Seq >= before.Seq || e.Time.Before(from) || !filter.Match(e.Server, e.Type) {
			continue
		}
		if n == r.page {
			page.More = true
			break
		}
		n++
		b = event.AppendLine(b, e)
		page.Next = e.ID.String()
	}
	page.Body = io.NopCloser(bytes.NewReader(b))
	return page, nil
}

func TestTheLastMinutesAreRecalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		for i := range 1000 {
			src.publish(t, event.Draft{Type: "metrics:cpu", Data: fmt.Appendf(nil, `{"usage":%d}`, i%100)})
			time.Sleep(time.Second)
		}
		// A stream begins with the newest sample alone.
		newest := src.log[len(src.log)-1]
		all := src.log
		src.log = []event.Event{newest}
		rec := &record{src: &source{log: all}, page: 200, fails: 1}
		p, sc := program(src, nil)
		p.record = rec
		p.Recall("web-1")
		detach := p.Attach(func(*model.Model, time.Time) {})
		synctest.Wait()
		held := func() (n int) {
			p.View(func(m *model.Model, _ time.Time) { n = m.Server("web-1").CPU.Series.Len() })
			return n
		}
		if held() != 1 {
			t.Fatalf("held %d samples before the record could be read, want the one of the picture", held())
		}
		time.Sleep(recallAgain)
		synctest.Wait()
		if got := held(); got != 590 || len(rec.asked) != 4 {
			t.Errorf("held %d samples after %d requests, want the 590 of the ten minutes before, in 1 failure and 3 pages", got, len(rec.asked))
		}
		if got, _ := url.ParseQuery(rec.asked[0]); got.Get("servers") != "web-1" || got.Has("every") {
			t.Errorf("asked %v, want all of one server", got)
		}

		// Once is enough, whatever else happens, and the fleet asks for less.
		sc.show()
		p.Recall("web-1")
		p.client.TryNow()
		time.Sleep(time.Minute)
		p.Recall("")
		synctest.Wait()
		if n := len(rec.asked); n != 6 {
			t.Errorf("asked %d times, want 4 for the server and 2 pages for the fleet: %q", n, rec.asked)
		}
		if got, _ := url.ParseQuery(rec.asked[4]); got.Get("every") != "5s" || got.Has("servers") {
			t.Errorf("asked %v, want all servers, thinned out", got)
		}
		detach()
		p.Stop()
	})
}

func TestARecordThatCannotBeReadIsNotAskedAgain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rec   record
		asked int
	}{
		{"an older server", record{status: 400}, 1},
		{"without an end", record{page: 1}, maxPages},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &source{}
				for range 100 {
					src.publish(t, event.Draft{Type: "metrics:cpu", Data: []byte(`{"usage":1}`)})
					time.Sleep(time.Second)
				}
				p, _ := program(src, nil)
				tt.rec.src = src
				p.record = &tt.rec
				detach := p.Attach(func(*model.Model, time.Time) {})
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if n := len(tt.rec.asked); n != tt.asked {
					t.Errorf("asked %d times, want %d", n, tt.asked)
				}
				detach()
				p.Stop()
			})
		})
	}
}
