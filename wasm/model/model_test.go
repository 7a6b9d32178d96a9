package model

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// noon is when the tests begin.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world makes events in order, as a log does, and folds them into a Model.
type world struct {
	t   testing.TB
	m   *Model
	now time.Time
	seq uint64
	// state of the link; live from the start
	state feed.State
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, m: New(), now: noon}
	w.link(feed.Connecting)
	w.link(feed.CatchingUp)
	w.state.Heard = w.now
	w.control(event.StreamSync.Name(), `{"mode":"fresh","heartbeatMs":15000,"serverTime":"`+w.now.Format(time.RFC3339)+`"}`)
	w.beat()
	w.link(feed.Live)
	return w
}

func (w *world) batch(events ...event.Event) {
	w.m.Update(feed.Batch{At: w.now, State: w.state, Events: events, Place: event.ID{Epoch: 1, Seq: w.seq}})
}

func (w *world) link(p feed.Phase) {
	w.state.Phase, w.state.Since = p, w.now
	w.batch()
}

func (w *world) control(typ, data string) {
	w.batch(event.Event{Type: typ, Data: []byte(data), ID: event.ID{Epoch: 1, Seq: w.seq}})
}

func (w *world) beat() {
	w.control(event.StreamHeartbeat.Name(), `{"serverTime":"`+w.now.Format(time.RFC3339)+`"}`)
}

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

// say publishes an event of a server, as now.
func (w *world) say(server, typ, data string) { w.sayAs(server, typ, data, "") }

func (w *world) sayAs(server, typ, data, key string) {
	w.t.Helper()
	w.batch(w.made(server, typ, data, key))
}

// make returns an event of a server, of now, that is yet to come.
func (w *world) make(server, typ, data string) event.Event { return w.made(server, typ, data, "") }

func (w *world) made(server, typ, data, key string) event.Event {
	w.t.Helper()
	if data == "" {
		data = "{}"
	}
	d := event.Draft{Type: typ, Data: []byte(data), ID: key}
	e, err := d.Event(server, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.seq++
	e.ID = event.ID{Epoch: 1, Seq: w.seq}
	e.Data = event.AppendJSON(nil, e) // as a reader gets it
	return e
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// Every type the platform knows has its place: none ends among the strangers.
func TestTheWholeCatalogueIsShown(t *testing.T) {
	for _, typ := range event.Catalogue() {
		if typ.Class == event.Control {
			continue
		}
		w := newWorld(t)
		w.say("s", typ.Name, string(typ.Sample))
		s := w.m.Server("s")
		if len(s.Events) != 0 || len(s.Gauges) != 0 {
			t.Errorf("%s is kept as a stranger", typ.Name)
		}
		if n := w.m.Type(typ.Name); n == nil || n.Count != 1 || n.Bytes == 0 {
			t.Errorf("%s is not counted", typ.Name)
		}
	}
}

func TestStates(t *testing.T) {
	for _, tt := range []struct {
		typ, data string
		want      State
	}{
		{"server:starting", "", Starting},
		{"server:online", "", Online},
		{"server:idle", "", Idling},
		{"server:busy", "", Busy},
		{"server:error", `{"message":"disk full"}`, Failing},
		{"server:offline", `{"reason":"crashed"}`, Offline},
		{"server:offline", "", Offline},
		{"server:offline", `{"reason":"stopped"}`, Stopped},
		{"server:offline", `{"reason":"idle"}`, Stopped},
		{"server:melting", "", Unknown},
	} {
		t.Run(tt.typ+tt.data, func(t *testing.T) {
			w := newWorld(t)
			w.say("s", tt.typ, tt.data)
			equal(t, "state", w.m.Server("s").Status.State, tt.want)
			equal(t, "count", w.m.Counts()[tt.want], 1)
		})
	}
}

func TestSinceIsTheBeginningOfTheRun(t *testing.T) {
	w := newWorld(t)
	w.say("s", "server:busy", `{"connectionCount":41,"load":82}`)
	w.pass(time.Minute)
	w.say("s", "server:busy", `{"connectionCount":44}`)
	st := w.m.Server("s").Status
	equal(t, "since", st.Since, noon)
	equal(t, "at", st.At, noon.Add(time.Minute))
	equal(t, "connections", st.Connections, 44)
	equal(t, "load is said by the newest", math.IsNaN(st.Load), true)
	w.say("s", "server:online", `{"uptime":60,"version":"1.2.3","url":"http://x"}`)
	s := w.m.Server("s")
	equal(t, "since", s.Status.Since, noon.Add(time.Minute))
	equal(t, "started", s.Started, noon)
	equal(t, "version", s.Version, "1.2.3")
	w.say("s", "server:online", "")
	equal(t, "version when the newest is silent", s.Version, "1.2.3")
}

func TestTroubleComesFirst(t *testing.T) {
	w := newWorld(t)
	for i, typ := range []string{"server:idle", "server:online", "server:online", "server:busy", "server:starting", "server:error", "x:y", "server:offline"} {
		w.pass(time.Second)
		w.say(fmt.Sprint(i), typ, "")
	}
	order := func() (s string) {
		for _, server := range w.m.Servers() {
			s += server.ID
		}
		return s
	}
	equal(t, "order", order(), "57432106")
	held := w.m.Servers()
	w.say("1", "server:error", "")
	w.say("8", "server:error", "")
	equal(t, "order", order(), "185743206")
	equal(t, "the slice a view had", len(held), 8)
}

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	w.say("s", "metrics:cpu", `{"usage":42.5,"cores":8,"processes":312}`)
	w.say("s", "metrics:memory", `{"used":3000,"available":1000}`)
	w.say("s", "metrics:network", `{"bytesIn":10,"bytesOut":20,"connections":3}`)
	w.say("s", "metrics:requests", `{"count":41.2,"avgResponseTime":38,"errorRate":0.5}`)
	w.say("s", "metrics:storage", `{"used":1,"available":3}`)
	w.say("s", "metrics:gpu", `{"value":77}`)
	s := w.m.Server("s")
	equal(t, "cpu", s.CPU.Usage, 42.5)
	equal(t, "cores", s.CPU.Cores, 8)
	equal(t, "memory", s.Memory.Percent, 75)
	equal(t, "memory total", s.Memory.Total(), 4000)
	equal(t, "swap is not said", math.IsNaN(s.Memory.Swap), true)
	equal(t, "out", s.Network.Out, 20)
	equal(t, "rate", s.Requests.Count, 41.2)
	equal(t, "storage", s.Storage.Percent, 25)
	equal(t, "gauge", s.Gauges[0].Value, 77)
	last, ok := s.Network.Series.Last()
	equal(t, "sample", last, Sample{T: noon.UnixMilli(), V: [3]float32{10, 20, 3}})
	equal(t, "known", ok && s.Network.Known(), true)

	// The headline alone is enough, as the platform's guide has it.
	w.pass(time.Second)
	w.say("s", "metrics:cpu", `{"type":"cpu","value":50}`)
	equal(t, "cpu", s.CPU.Usage, 50)
	equal(t, "interval", s.Interval(), time.Second)
	equal(t, "measured", s.Measured(), noon.Add(time.Second))
}

func TestDeployments(t *testing.T) {
	// A step is "stage" or "stage/payload's id" or "stage#publisher's id".
	for _, tt := range []struct{ name, steps, want string }{
		{"one", "started building building provisioning ready completed", "completed"},
		{"two after one another", "started failed started building", "failed building"},
		{"begun before we looked", "building ready", "ready"},
		{"two at once, told apart by id", "started/a started/b building/a ready/b completed/b", "building completed"},
		{"ids of single events", "started#1 building#2 building#3 completed#4", "completed"},
		{"a second start ends nothing", "started started completed", "started completed"},
		{"something unknown", "started cancelled", "started"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for step := range strings.FieldsSeq(tt.steps) {
				w.pass(time.Second)
				stage, id, _ := strings.Cut(step, "/")
				stage, key, _ := strings.Cut(stage, "#")
				data := "{}"
				if id != "" {
					data = `{"id":"` + id + `"}`
				}
				w.sayAs("s", "deployment:"+stage, data, key)
			}
			var got []string
			for _, d := range w.m.Server("s").Deployments {
				got = append(got, d.Stage.String())
			}
			equal(t, "stages", strings.Join(got, " "), tt.want)
		})
	}
}

func TestADeploymentInFull(t *testing.T) {
	w := newWorld(t)
	w.say("s", "deployment:started", `{"userId":"u","templateId":"t","version":"2.0"}`)
	w.pass(time.Second)
	w.say("s", "deployment:building", `{"progress":40,"stage":"compile"}`)
	d := w.m.Server("s").Under()
	equal(t, "progress", d.Progress, 40)
	equal(t, "step", d.Step, "compile")
	equal(t, "version", d.Version, "2.0")
	w.pass(time.Second)
	w.say("s", "deployment:failed", `{"error":"no space left","stage":"compile","logs":["one","two"]}`)
	equal(t, "under way", w.m.Server("s").Under(), nil)
	equal(t, "error", d.Error, "no space left")
	equal(t, "took", d.Took, 2*time.Second)
	equal(t, "logs", strings.Join(d.Logs, " "), "one two")
	equal(t, "building was reached", d.Reached[DeployBuilding], noon.Add(time.Second))
	equal(t, "ready was not", d.Reached[DeployReady].IsZero(), true)
}

func TestUnknownTypesAreKeptAsTheyAre(t *testing.T) {
	w := newWorld(t)
	w.say("s", "backup:finished", `{"bytes":1,"id":"mine"}`)
	w.say("s", "backup:started", "")
	w.say("s", "backup:finished", `{"bytes":2}`)
	s := w.m.Server("s")
	equal(t, "types", len(s.Events), 2)
	e := s.Events[0]
	equal(t, "type", e.Type, "backup:finished")
	equal(t, "count", e.Count, 2)
	equal(t, "data", string(e.Data), `{"id":"1.3","timestamp":"2026-11-22T12:00:00.000Z","serverId":"s","bytes":2}`)
	equal(t, "recent", len(w.m.Recent), 3)
	equal(t, "state", s.Status.State, Unknown)
}

// A server's clock may be wrong by hours: what it says counts from when it came.
// skipSlow skips what takes seconds, and a minute in Wasm, where it would show nothing else.
// Strangers name things at will, and many: everything stays bounded.
// A fleet of eleven, for longer than anything is kept: what the browser holds.
// FuzzUpdate: whatever strangers publish, the Model stands.
