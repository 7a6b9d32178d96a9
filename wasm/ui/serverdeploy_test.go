package ui

import (
	"fmt"
	"html"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"github.com/mcp-cloud/telltale/wasm/model"
)

func TestChangeIsSaidInNumbers(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		before, after float64
		unit          Unit
		good          bool
		want          string
	}{
		{.2, 1.4, Percent, true, "worse by 1.2 points"},
		{1.4, .2, Percent, true, "better by 1.2 points"},
		{.2, .24, Percent, true, "as before"},
		{0, 0, Percent, true, "as before"},
		{214, 186, Milli, true, "better by 13.1_%"},
		{214, 300, Milli, true, "worse by 40.2_%"},
		{100, 420, Milli, true, "worse, 4.2 times"},
		{100, 100.5, Milli, true, "as before"},
		{40, 60, Percent, false, "20.0 points more"},
		{60, 40, Percent, false, "20.0 points less"},
		{4 << 30, 3 << 30, Bytes, false, "25.0_% less"},
		{1 << 30, 5 << 30, Bytes, false, "5.0 times"},
		{0, 5 << 30, Bytes, false, "was nothing"},
		{nan, 5, Percent, true, ""}, {5, nan, Percent, true, ""}, {5, math.Inf(1), Percent, true, ""},
	} {
		if got := plain(appendChange(nil, c.before, c.after, c.unit, c.good)); got != c.want {
			t.Errorf("%v to %v: got %q, want %q", c.before, c.after, got, c.want)
		}
	}
}

// A deployment that is open says all that is known of it, and what it changed.
func TestDeploymentIsOpened(t *testing.T) {
	r := &remembered{clocked: &clocked{harbour(t), noon}}
	page, d := visited(t, r, "/servers/github-mcp")
	painted(t, r, page, d)
	text := func() string {
		painted(t, r, page, d)
		return html.UnescapeString(d.root.find("dp-list").words())
	}
	if strings.Contains(text(), "second line") {
		t.Error("the timeline has the whole error")
	}
	page.ask("deployment", "d1")
	if got := text(); !strings.Contains(got, "go.sum: checksum mismatch, octokit 6.1\nsecond line") || strings.Contains(got, "min before") {
		t.Errorf("the failed one says %q", got)
	}
	if q := page.said().Get("deployment"); q != "d1" {
		t.Errorf("the address says %q", q)
	}

	page.ask("deployment", "d2")
	got := plain([]byte(text()))
	if strings.Contains(got, "second line") {
		t.Error("two are open at once")
	}
	// It began at 11:59:36 and was complete at 12:02:17: the whole minutes before and after, of a record whose numbers are hours.
	for _, want := range []string{"10_min before", "10_min after", "CPU11.9_%12.1_%", "Error rate11.9_%12.1_%worse by 0.2 points", "Log at 11:59:36", "Log at its end, 12:02:17"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	minute := int64(60_000)
	for _, p := range page.screen.(*server).deploys.wants {
		if p.Step != minute || p.Points() != 10 || p.To > time.Date(2026, 5, 12, 11, 59, 36, 0, testZone).UnixMilli() && p.From < time.Date(2026, 5, 12, 12, 2, 17, 0, testZone).UnixMilli() {
			t.Errorf("asked for %v to %v, which is of the deployment itself", time.UnixMilli(p.From), time.UnixMilli(p.To))
		}
	}

	// The one under way has nothing to compare; what nobody has measured is a dash.
	page.ask("deployment", "d5")
	if got := text(); strings.Contains(got, "min before") {
		t.Errorf("of the one under way it compares: %q", got)
	}
	at := noon.Add(time.Second)
	r.publish(at, r.event("server:online", "bare", at, nil), r.event("deployment:started", "bare", at, nil), r.event("deployment:completed", "bare", at.Add(time.Second), nil))
	key := deploymentKey(r.m.Server("bare").Deployments[0])
	page, d = visited(t, r, "/servers/bare?deployment="+key)
	if got := plain([]byte(text())); !strings.Contains(got, "Error rate——") || !strings.Contains(got, "CPU——") {
		t.Errorf("unmeasured it says %q", got)
	}

	// Pressed again it closes; one that is not there is said not to be.
	page.ask("deployment", key)
	if got := text(); strings.Contains(got, "Error rate") || page.said().Encode() != "" {
		t.Errorf("closed it says %q, and the address %q", got, page.said().Encode())
	}
	page.ask("deployment", "gone")
	if painted(t, r, page, d); !strings.Contains(d.root.find("dp-more").words(), "is not among them") {
		t.Errorf("of what is not there it says %q", d.root.find("dp-more").words())
	}
}

// However many there are, and whether they ever end.
func TestManyDeployments(t *testing.T) {
	w := newWorld(t)
	w.begin(noon.Add(-time.Minute))
	for i := range 200 {
		at := noon.Add(time.Duration(i-200) * 7 * time.Minute)
		id := fmt.Sprint("d", i)
		w.publish(at, w.event("metrics:cpu", "web", at, map[string]any{"usage": 5}),
			w.event("deployment:started", "web", at, map[string]any{"id": id, "version": fmt.Sprintf("1.%d.0-with-a-very-long-name-of-a-build", i)}))
		if i%3 != 0 {
			w.publish(at, w.event([]string{"deployment:completed", "deployment:failed"}[i%2], "web", at.Add(time.Minute), map[string]any{"id": id, "error": strings.Repeat("no room ", 400)}))
		}
	}
	r := &remembered{clocked: &clocked{w, noon}}
	page, d := visited(t, r, "/servers/web?range=day")
	painted(t, r, page, d)
	if n := len(d.root.find("dp-list").kids); n != model.MaxDeployments {
		t.Errorf("%d are listed, want the newest %d", n, model.MaxDeployments)
	}
	if got := d.root.find("dp-more").words(); !strings.HasPrefix(got, "180 more before these") {
		t.Errorf("of the others it says %q", got)
	}
	if got := d.root.find("dp-note").words(); !strings.HasPrefix(got, "at least 20 today") {
		t.Errorf("the head says %q", got)
	}
	newDocument(t, app.HTMLString(page))

	// On an axis those that can't be told apart are one, however many.
	var all []*model.Deployment
	for i := range 5000 {
		at := noon.Add(time.Duration(i-5000) * 17 * time.Second)
		all = append(all, &model.Deployment{ID: fmt.Sprint(i), Stage: model.Stage(i % model.NumStages), Began: at, Changed: at, Version: "1"})
	}
	from, to := noon.Add(-24*time.Hour).UnixMilli(), noon.UnixMilli()
	marks := deployMarks(all, from, to)
	sum := 0
	for i, m := range marks {
		sum += m.N
		if i > 0 && m.T <= marks[i-1].T {
			t.Fatal("marks are not in order")
		}
	}
	if len(marks) > 90 || sum != 5000 {
		t.Errorf("%d marks for %d deployments", len(marks), sum)
	}
	wellFormed(t, string(AppendMarks(nil, marks, from, to, time.UTC, true)))
}

func TestMarks(t *testing.T) {
	d := func(id string, stage model.Stage, ago time.Duration) *model.Deployment {
		return &model.Deployment{ID: id, Version: "<" + id + ">", Stage: stage, Began: noon.Add(-ago - time.Second), Changed: noon.Add(-ago)}
	}
	from, to := noon.Add(-100*time.Second).UnixMilli(), noon.UnixMilli()
	marks := deployMarks([]*model.Deployment{
		d("old", model.DeployCompleted, time.Hour), d("a", model.DeployCompleted, 80*time.Second), d("b", model.DeployFailed, 50*time.Second),
		d("c", model.DeployFailed, 49500*time.Millisecond), d("e", model.DeployBuilding, 3*time.Second),
	}, from, to)
	var got []string
	for _, m := range marks {
		got = append(got, fmt.Sprint(m.Of, " ", m.N, " ", markKinds[m.Kind].word))
	}
	if want := "a 1 ready, c 2 failed, e 1 under way since"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, ", "), want)
	}
	b := string(AppendMarks(nil, marks, from, to, time.UTC, true))
	text := wellFormed(t, b)
	for _, want := range []string{"<a>", "×2", "<e>"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	if strings.Count(b, "flip") != 1 || strings.Contains(b, "tabindex") {
		t.Errorf("the one at the right edge has its label at the left, and all are for the keyboard: %s", b)
	}
	for _, of := range []string{"a", "c", "e"} {
		if !strings.Contains(b, `data-do="deployment" data-of="`+of+`"`) {
			t.Errorf("nothing opens %s", of)
		}
	}
	if strings.Count(string(AppendMarks(nil, marks, from, to, time.UTC, false)), `tabindex="-1"`) != 3 {
		t.Error("on the other charts they are for the keyboard again")
	}
	// Time passes under them without a change of what stands on the page.
	later := string(AppendMarks(nil, marks, from+1000, to+1000, time.UTC, true))
	if later != b {
		t.Errorf("a second later the marks are made anew:\n%s\n%s", later, b)
	}
}
