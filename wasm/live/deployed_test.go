package live

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// What a stream does not begin with is read from the record, as far back as is asked for, page by page.
func TestDeploymentsAreReadFromTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		for _, id := range []string{"1", "2", "3"} {
			src.publish(t, event.Draft{Type: "deployment:started", Data: []byte(`{"id":"` + id + `"}`)})
			src.publish(t, event.Draft{Type: "logs:app", Data: []byte(`{"message":"in between"}`)})
			src.publish(t, event.Draft{Type: "deployment:completed", Data: []byte(`{"id":"` + id + `"}`)})
			time.Sleep(24 * time.Hour)
		}
		all := src.log
		src.log = all[6:] // the newest of each type
		rec := &record{src: &source{log: all}, page: 2}
		p, _ := program(src, nil)
		p.record = rec
		p.client.Silence = -1 // this server sends one heartbeat
		detach := p.Attach(func(*model.Model, time.Time) {})
		synctest.Wait()
		known := func() (ids string, d model.Deployed) {
			p.View(func(m *model.Model, _ time.Time) {
				for _, dep := range m.Server("web-1").Deployments {
					ids += dep.ID
				}
				d = m.Deployed
			})
			return ids, d
		}
		rec.fails = 1
		for i, step := range []struct {
			back   time.Duration
			want   string
			failed bool
		}{
			{36 * time.Hour, "3", true},
			{36 * time.Hour, "3", false},
			{50 * time.Hour, "23", false},
			{0, "123", false},
		} {
			p.ReadLog(model.Wish{Deployments: true, Back: step.back})
			synctest.Wait()
			got, d := known()
			since := time.Duration(0)
			if !d.Since.IsZero() {
				since = time.Since(d.Since)
			}
			if got != step.want || d.Failed != step.failed || d.Reading || d.All != (step.back == 0) || !step.failed && since.Round(time.Second) != step.back {
				t.Errorf("%d: got %q, %+v", i, got, d)
			}
		}
		detach()
		p.Stop()
	})
}
