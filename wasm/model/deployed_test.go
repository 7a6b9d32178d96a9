package model

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// story is what a Model knows of the deployments of a server, the oldest first.
func story(m *Model) string {
	var all []string
	for _, d := range m.Server("s").Deployments {
		began := "?"
		if !d.Began.IsZero() {
			began = d.Began.Format("05")
		}
		all = append(all, fmt.Sprintf("%s %s %s from %s", d.ID, d.Version, d.Stage, began))
	}
	return strings.Join(all, "; ")
}

// The record has what a stream does not begin with: of each stage the newest event is all that a picture shows.
func TestDeploymentsAreReadBack(t *testing.T) {
	truth := newWorld(t)
	var all []event.Event
	tell := func(typ, data string) {
		truth.pass(time.Second)
		d := event.Draft{Type: "deployment:" + typ, Data: []byte(data)}
		e, err := d.Event("s", truth.now)
		if err != nil {
			t.Fatal(err)
		}
		truth.seq++
		e.ID = event.ID{Epoch: 1, Seq: truth.seq}
		e.Data = event.AppendJSON(nil, e)
		truth.batch(e)
		all = append(all, e)
	}
	tell("started", `{"id":"a","version":"1"}`) // 1
	tell("building", `{"id":"a","progress":10}`)
	tell("failed", `{"id":"a","error":"no"}`)
	tell("started", `{"id":"b","version":"2"}`) // 4
	tell("provisioning", `{"id":"b"}`)
	tell("completed", `{"id":"b","version":"2"}`)
	tell("started", `{"id":"c","version":"3"}`) // 7
	tell("completed", `{"id":"c","version":"3"}`)
	tell("started", `{"id":"d","version":"4"}`) // 9
	tell("building", `{"id":"d","progress":50}`)
	want := "a 1 failed from 01; b 2 completed from 04; c 3 completed from 07; d 4 building from 09"
	equal(t, "what was", story(truth.m), want)

	for _, tt := range []struct {
		name    string
		picture []int // the places of the events that the stream began with
		live    []int // what came since
		read    []int // what was read, by its first and last place
		want    string
	}{
		{"all of it", []int{3, 5, 8, 9, 10}, nil, []int{1, 10}, want},
		{"one stands there as if it went on", []int{3, 5, 9, 10}, nil, []int{1, 10}, want},
		{"while it is read one goes on", []int{3, 5, 6, 7}, []int{8, 9, 10}, []int{1, 7}, want},
		{"from the middle of one", []int{1, 2, 3, 4}, []int{5, 6, 7, 8, 9, 10}, []int{5, 10}, want},
		{"what was before stays", []int{1, 2, 3}, []int{4, 5, 6, 7, 8, 9, 10}, []int{7, 10}, want},
		{"twice the same", []int{10}, nil, []int{1, 10, 1, 10}, want},
		{"older after newer", []int{10}, nil, []int{7, 10, 1, 10}, want},
		{"nothing", []int{9, 10}, nil, nil, "d 4 building from 09"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for _, at := range slices.Concat(tt.picture, tt.live) {
				w.now = all[at-1].Time
				w.batch(all[at-1])
			}
			_, news := w.m.TurnsSince(0)
			var held *Deployment
			if n := len(w.m.Server("s").Deployments); n > 0 {
				held = w.m.Server("s").Deployments[n-1]
			}
			if tt.read == nil {
				w.m.ReadDeployments(nil, noon)
			}
			for i := 0; i < len(tt.read); i += 2 {
				w.m.DeploymentsReading()
				w.m.ReadDeployments(all[tt.read[i]-1:tt.read[i+1]], time.Time{})
			}
			equal(t, "story", story(w.m), tt.want)
			if now := w.m.Server("s").Deployments; now[len(now)-1] != held {
				t.Error("the newest has moved: who has shown it shows another one now")
			}
			if _, n := w.m.TurnsSince(0); n != news {
				t.Error("what was read is news")
			}
			if d := w.m.Deployed; d.Reading || d.Failed || d.All != (tt.read != nil) {
				t.Errorf("%+v", d)
			}
		})
	}
}

// A record may hold any number; of each server so many are kept as of those that a stream brings.
func TestReadDeploymentsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.say("s", "server:online", "")
	var all []event.Event
	for i := range 3 * MaxDeployments {
		for _, typ := range []string{"started", "failed"} {
			d := event.Draft{Type: "deployment:" + typ, Data: fmt.Appendf(nil, `{"id":"%d"}`, i)}
			e, _ := d.Event("s", w.now)
			w.seq++
			e.ID = event.ID{Epoch: 1, Seq: w.seq}
			all = append(all, e)
			stranger := e
			stranger.Server = "stranger"
			all = append(all, stranger)
		}
	}
	w.m.ReadDeployments(all, time.Time{})
	if got := w.m.Server("s").Deployments; len(got) != MaxDeployments || got[MaxDeployments-1].ID != fmt.Sprint(3*MaxDeployments-1) {
		t.Errorf("%d are kept, the last %s", len(got), got[len(got)-1].ID)
	}
	if w.m.Server("stranger") != nil {
		t.Error("a server came to be by what was read of it")
	}
	w.m.DeploymentsFailed()
	equal(t, "failed", w.m.Deployed.Failed, true)
	w.control(event.StreamReset.Name(), `{}`)
	equal(t, "after a new beginning", w.m.Deployed, Deployed{})
}
