package model

import (
	"slices"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// What is left of a deployment that another one overtook is not under way, until it says more.
func TestOvertakenDeploymentIsNotUnderWay(t *testing.T) {
	for _, tt := range []struct {
		name  string
		say   []string // stage and data in turn
		under string   // the id of the one under way
		by    string   // the id of the one that overtook the first
	}{
		{"left in a picture", []string{"building", `{"id":"d1"}`, "provisioning", `{"id":"d1"}`, "ready", `{"id":"d1"}`,
			"started", `{"id":"d2"}`, "completed", `{"id":"d2"}`}, "", "d2"},
		{"a start that was never ended", []string{"started", `{"id":"d1"}`, "started", `{"id":"d2"}`, "completed", `{"id":"d2"}`}, "", "d2"},
		{"by the next of several", []string{"started", `{"id":"d1"}`, "started", `{"id":"d2"}`, "started", `{"id":"d3"}`}, "d3", "d2"},
		{"it says more", []string{"started", `{"id":"d1"}`, "started", `{"id":"d2"}`, "completed", `{"id":"d2"}`, "building", `{"id":"d1"}`}, "d1", ""},
		{"it ended", []string{"started", `{"id":"d1"}`, "failed", `{"id":"d1"}`, "started", `{"id":"d2"}`}, "d2", ""},
		{"the only one", []string{"started", `{"id":"d1"}`, "building", `{"id":"d1"}`}, "d1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for i := 0; i < len(tt.say); i += 2 {
				w.pass(time.Second)
				w.say("s", "deployment:"+tt.say[i], tt.say[i+1])
			}
			name := func(d *Deployment) string {
				if d == nil {
					return ""
				}
				return d.ID
			}
			s := w.m.Server("s")
			equal(t, "under way", name(s.Under()), tt.under)
			equal(t, "overtaken by", name(s.Deployments[0].Overtaken(s.Deployments)), tt.by)
		})
	}
}

// An event that does not say of which deployment it is does not end one of yesterday.
func TestOvertakenDeploymentTakesNoStrangersEnd(t *testing.T) {
	w := newWorld(t)
	w.say("s", "deployment:started", `{"id":"d1","version":"1"}`)
	w.pass(24 * time.Hour)
	w.say("s", "deployment:started", `{"id":"d2","version":"2"}`)
	w.say("s", "deployment:completed", `{"id":"d2"}`)
	w.say("s", "deployment:failed", `{"error":"of a third one"}`)
	all := w.m.Server("s").Deployments
	if len(all) != 3 || all[0].Stage != DeployStarted || all[2].Took != 0 {
		t.Errorf("%d deployments, the first %v, the last took %v", len(all), all[0].Stage, all[len(all)-1].Took)
	}
	got, _ := w.m.TurnsSince(0)
	if len(got) != 1 || got[0].ID == "d1" || got[0].Version != "" {
		t.Errorf("told of %+v", got)
	}
}

// What was known of the beginning of one that is read back is kept, or it would pass for one that began later than it did.
func TestReadDeploymentKeepsItsBeginning(t *testing.T) {
	w := newWorld(t)
	w.say("s", "deployment:started", `{"id":"d1"}`)
	first := w.m.Server("s").Deployments[0].First
	equal(t, "first", first, id(1))
	d := &Deployment{ID: "d1", Progress: nan, First: id(9), Place: id(9), Stage: DeployReady}
	d.begin(w.m.Server("s").Deployments[0])
	equal(t, "first, read", d.First, first)
}

// Of two deployments at once a picture has parts, and not always the end of each: what may have ended is not under way, what can't have is,
// and where the picture leaves it open the record is to be asked.
func TestDeploymentsAtOnceInAPicture(t *testing.T) {
	a, b := `{"id":"a"}`, `{"id":"b"}`
	for _, tt := range []struct {
		name   string
		truth  []string // stage and data in turn; the picture has the newest of each stage
		live   []string // what comes after it
		shown  string   // the id of the one under way, before the record is read
		unsure bool
		read   string // the same when it is read
	}{
		{"the end of one hides that of the other", []string{"started", a, "building", a, "started", b, "provisioning", a, "completed", a, "completed", b}, nil, "", true, ""},
		{"the other goes on for all the picture can tell", []string{"started", a, "building", a, "started", b, "provisioning", a, "completed", b}, nil, "", true, "a"},
		{"and says so", []string{"started", a, "building", a, "started", b, "provisioning", a, "completed", b}, []string{"ready", a}, "a", false, "a"},
		{"the end of one is taken for the other's", []string{"started", a, "started", b, "completed", a}, nil, "", true, "b"},
		{"an end that came live hides nothing", []string{"started", a, "building", a, "started", b, "provisioning", a}, []string{"completed", b}, "a", false, "a"},
		{"one after the other", []string{"started", a, "completed", a, "started", b, "building", b}, nil, "b", false, "b"},
		{"one alone", []string{"started", a, "building", a, "failed", a}, nil, "", false, ""},
		{"without ids", []string{"started", "", "building", "", "completed", "", "started", "", "building", ""}, nil, "any", false, "any"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.link(feed.CatchingUp)
			w.control("stream:sync", `{"mode":"fresh"}`)
			var all, picture []event.Event
			for i := 0; i < len(tt.truth); i += 2 {
				w.pass(time.Second)
				e := w.make("s", "deployment:"+tt.truth[i], tt.truth[i+1])
				all = append(all, e)
				picture = append(slices.DeleteFunc(picture, func(old event.Event) bool { return old.Type == e.Type }), e)
			}
			w.batch(picture...)
			w.beat()
			w.link(feed.Live)
			for i := 0; i < len(tt.live); i += 2 {
				w.pass(time.Second)
				all = append(all, w.make("s", "deployment:"+tt.live[i], tt.live[i+1]))
				w.batch(all[len(all)-1])
			}
			s := w.m.Server("s")
			name := func() string {
				switch d := s.Under(); {
				case d == nil:
					return ""
				case d.ID == "":
					return "any"
				default:
					return d.ID
				}
			}
			equal(t, "under way", name(), tt.shown)
			equal(t, "unsure", s.Unsure(), tt.unsure)
			w.m.ReadDeployments(all, time.Time{})
			equal(t, "under way, read", name(), tt.read)
			equal(t, "unsure, read", s.Unsure(), false)
		})
	}
}
