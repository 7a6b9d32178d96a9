package ui

import (
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// Where the picture that the stream began with leaves it open what is being deployed, the fleet has the record read, once; else it does not.
func TestFleetAsksWhatIsUnderWay(t *testing.T) {
	for _, tt := range []struct {
		name string
		say  []string // stage and id in turn: the newest of each stage
		want int
	}{
		{"two at once", []string{"building", "a", "started", "b", "provisioning", "a", "completed", "b"}, 1},
		{"one alone", []string{"started", "b", "building", "b"}, 0},
		{"none", nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.phase(feed.CatchingUp, noon, nil)
			w.control("stream:sync", noon, `{"mode":"fresh"}`)
			for i := 0; i < len(tt.say); i += 2 {
				w.publish(noon, w.event("deployment:"+tt.say[i], "web-1", noon, map[string]any{"id": tt.say[i+1]}))
			}
			var asked []model.Wish
			src := &wishes{clocked: &clocked{w, noon}, asked: &asked}
			page, _ := mounted(t, src, "/")
			page.Paint(w.m, noon)
			if len(asked) != 0 {
				t.Errorf("before the picture is complete it asks for %+v", asked)
			}
			w.control("stream:heartbeat", noon, `{}`)
			w.phase(feed.Live, noon, nil)
			for i := range 3 {
				page.Paint(w.m, noon.Add(time.Duration(i)*time.Second))
			}
			if len(asked) != tt.want || tt.want > 0 && (!asked[0].Deployments || asked[0].Back != 24*time.Hour) {
				t.Errorf("asks for %+v, want %d times the deployments of a day", asked, tt.want)
			}
		})
	}
}
