package ui

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// rowsOf are the rows of a list on the page, each as its words.
func rowsOf(d *document, list string) (rows []string) {
	for _, li := range d.root.find(list).kids {
		rows = append(rows, strings.Join(strings.Fields(strings.ReplaceAll(apart(li), nnbsp, " ")), " "))
	}
	return rows
}

// apart are the words of an element, those of each within it apart.
func apart(n *node) string {
	if len(n.kids) == 0 {
		return n.text
	}
	var all []string
	for _, k := range n.kids {
		all = append(all, apart(k))
	}
	return strings.Join(all, " ")
}

func wantRows(t *testing.T, d *document, list string, want ...string) {
	t.Helper()
	got := rowsOf(d, list)
	ok := len(got) == len(want)
	for i := range got {
		ok = ok && strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		t.Errorf("%s:\ngot  %q\nwant %q", list, got, want)
	}
}

// deploymentsPage is the page of the harbour's deployments, and what paints it so much later.
func deploymentsPage(t *testing.T) (w *clocked, page *Page, d *document, paint func(after time.Duration)) {
	w = &clocked{harbour(t), noon.Add(200 * time.Millisecond)}
	page, d = mounted(t, w, "/deployments")
	return w, page, d, func(after time.Duration) {
		w.now = w.now.Add(after)
		page.Paint(w.m, w.now)
	}
}

func TestDeploymentsOfAllServers(t *testing.T) {
	_, _, d, _ := deploymentsPage(t)
	wantRows(t, d, "dpl-under",
		"stripe-mcp 1.9.0 Provisioning", "github-mcp 2.8.1 Building 60 % image layer 14 of 41")
	wantRows(t, d, "dpl-ended",
		"postgres-mcp 3.4.1 Failed at provisioning Database unreachable", "github-mcp 2.8.0 Ready", "github-mcp 2.8.0 Failed at building go.sum: checksum mismatch")
	if got := d.root.find("dpl-note").words(); got != "5 today, 2 failed" {
		t.Errorf("the note says %q", got)
	}
	for _, row := range [...]struct{ server, deployment, at string }{
		{"github-mcp", "d5", noon.Add(-72 * time.Second).Format("15:04:05")},
		{"postgres-mcp", "d3", "12:38:52"},
	} {
		found := false
		d.root.each(func(n *node) {
			u, err := url.Parse(n.attrs["href"])
			if n.tag != "a" || err != nil || u.Path != ServerPath(row.server) {
				return
			}
			if at := u.Query().Get("at"); at != "" && u.Query().Get("deployment") == "" {
				var ms int64
				_, _ = fmt.Sscan(at, &ms)
				found = found || time.UnixMilli(ms).In(testZone).Format("15:04:05") == row.at
			} else if row.deployment == u.Query().Get("deployment") {
				row.deployment = ""
			}
		})
		if !found || row.deployment != "" {
			t.Errorf("%s: no link to its deployment %q, or none to its log at %s", row.server, row.deployment, row.at)
		}
	}
}

// each calls f with every element within.
func (n *node) each(f func(n *node)) {
	f(n)
	for _, k := range n.kids {
		k.each(f)
	}
}

// What is chosen stands in the address, and an address shows what was chosen.
func TestDeploymentsAreFiltered(t *testing.T) {
	for _, tt := range []struct {
		query        string
		under, ended []string
		counts       string // all, under way, failed, done, no end heard
		nothing      string
	}{
		{"", []string{"stripe", "github"}, []string{"postgres", "github", "github"}, "5 2 2 1 0", ""},
		{"state=under", []string{"stripe", "github"}, nil, "5 2 2 1 0", ""},
		{"state=failed", nil, []string{"postgres", "github-mcp 2.8.0 Failed"}, "5 2 2 1 0", ""},
		{"state=done", nil, []string{"github-mcp 2.8.0 Ready"}, "5 2 2 1 0", ""},
		{"find=checksum", nil, []string{"github-mcp 2.8.0 Failed"}, "1 0 1 0 0", ""},
		{"find=2.8.0&state=done", nil, []string{"github-mcp 2.8.0 Ready"}, "2 0 1 1 0", ""},
		{"server=github-mcp", []string{"github"}, []string{"github", "github"}, "3 1 1 1 0", ""},
		{"server=nobody", nil, nil, "0 0 0 0 0", "No deployment of nobody. 5 hidden."},
		{"find=%3Cb%3E&state=failed", nil, nil, "0 0 0 0 0", `No deployment matches "<b>" is failed. 5 hidden.`},
		{"state=whatever", []string{"stripe", "github"}, []string{"postgres", "github", "github"}, "5 2 2 1 0", ""},
		{"state=lost", nil, nil, "5 2 2 1 0", "No deployment lacks its end. 5 hidden."},
	} {
		t.Run(tt.query, func(t *testing.T) {
			_, page, d, paint := deploymentsPage(t)
			v := page.screen.(*deployments)
			q, err := url.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			v.visit(q, noon)
			paint(0)
			wantRows(t, d, "dpl-under", tt.under...)
			wantRows(t, d, "dpl-ended", tt.ended...)
			counts := ""
			for i := range v.kinds {
				counts += " " + d.root.find(v.kinds[i].number.id).words()
			}
			if counts[1:] != tt.counts {
				t.Errorf("counts%s, want %s", counts, tt.counts)
			}
			if got := strings.TrimSuffix(d.root.find("dpl-none").words(), " Clear"); got != tt.nothing {
				t.Errorf("says %q, want %q", got, tt.nothing)
			}
			said := url.Values{}
			v.say(said)
			if want := strings.ReplaceAll(tt.query, "state=whatever", ""); said.Encode() != want {
				t.Errorf("the address says %q, want %q", said.Encode(), want)
			}
			v.do("clear", "", noon)
			paint(0)
			wantRows(t, d, "dpl-under", "stripe", "github")
		})
	}
}

// What is left of a deployment that another one overtook goes on for nobody: it is among those that have ended, wherever it is counted
// or shown, until it says more.
func TestOvertakenDeploymentIsNotUnderWay(t *testing.T) {
	w := newWorld(t)
	w.begin(noon)
	tell := func(stage, id, version string, ago time.Duration) {
		at := noon.Add(-ago)
		w.publish(noon, w.event("deployment:"+stage, "web", at, map[string]any{"id": id, "version": version, "error": "late", "progress": 60}))
	}
	w.publish(noon, w.event("server:online", "web", noon, map[string]any{"version": "2.0.0"}))
	tell("building", "d1", "", time.Hour) // of d1 a picture has no more
	tell("ready", "d1", "", 58*time.Minute)
	tell("started", "d2", "2.0.0", 5*time.Minute)
	tell("completed", "d2", "2.0.0", 4*time.Minute)
	src := &clocked{w, noon}
	page, d := mounted(t, src, "/deployments")
	paint := func() {
		src.now = src.now.Add(time.Second)
		page.screen.(*deployments).asked = true
		page.Paint(w.m, src.now)
	}
	counts := func() (s string) {
		for i := range page.screen.(*deployments).kinds {
			s += " " + d.root.find(page.screen.(*deployments).kinds[i].number.id).words()
		}
		return s
	}
	lost := "web No end heard after ready 2.0.0 began 12:36:07 —"
	wantRows(t, d, "dpl-under")
	wantRows(t, d, "dpl-ended", "web 2.0.0 Ready", lost)
	if got := counts(); got != " 2 0 0 1 1" {
		t.Errorf("counts%s", got)
	}
	html := app.HTMLString(page)
	for _, not := range []string{`class="dpr now"`, `class="stages`, " turn"} {
		if strings.Contains(html, not) {
			t.Errorf("%q is on the page", not)
		}
	}
	if !strings.Contains(html, `"lamp c-ink3"`) {
		t.Error("it has no lamp of what nobody knows")
	}
	if class := d.root.find("dpk-No").attrs["class"]; class != "" {
		t.Errorf("the way to them is %q", class)
	}
	v := page.screen.(*deployments)
	for kind, want := range map[string][]string{"lost": {lost}, "done": {"web 2.0.0 Ready"}, "under": nil} {
		v.do("kind", kind, noon)
		paint()
		wantRows(t, d, "dpl-ended", want...)
	}
	v.do("clear", "", noon)
	v.do("find", "no end", noon)
	paint()
	wantRows(t, d, "dpl-ended", lost)
	v.do("clear", "", noon)

	// On the page of its server too.
	server, sd := mounted(t, src, "/servers/web")
	wantRows(t, sd, "dp-list", "2.0.0 Ready", "No end heard after ready — 2.0.0 began 12:36:07")
	if html := app.HTMLString(server); strings.Contains(html, `class="dp now"`) || strings.Contains(html, `class="stages`) {
		t.Error("the page of its server has it under way")
	}
	if got := sd.root.find("view-deploys").words(); got != "Deploys" {
		t.Errorf("the way to them says %q", got)
	}
	marks := deployMarks(w.m.Server("web").Deployments, noon.Add(-2*time.Hour).UnixMilli(), noon.UnixMilli())
	if len(marks) != 2 || marks[0].Kind != MarkLost || marks[1].Kind != MarkReady {
		t.Errorf("on a chart: %+v", marks)
	}

	// It says more, and is under way again; the other one began and ended in between.
	tell("building", "d1", "", time.Second)
	paint()
	wantRows(t, d, "dpl-under", "web Building 60 %")
	wantRows(t, d, "dpl-ended", "web 2.0.0 Ready")
	if got := counts(); got != " 2 1 0 1 0" || d.root.find("dpk-No").attrs["class"] != "off" {
		t.Errorf("counts%s when it goes on", got)
	}
	server.Paint(w.m, src.now.Add(time.Second))
	wantRows(t, sd, "dp-list", "2.0.0 Ready", "Building 60 %")
	if got := sd.root.find("view-deploys").words(); got != "Deploys 1" {
		t.Errorf("the way to them says %q when it goes on", got)
	}
	// One without a version overtakes it.
	w.publish(noon, w.event("deployment:started", "web", noon, map[string]any{"id": "d3"}))
	paint()
	wantRows(t, d, "dpl-under", "web Started")
	wantRows(t, d, "dpl-ended", "web 2.0.0 Ready", "web No end heard after building another one began 12:41:07")
	if len(d.lost)+len(sd.lost) > 0 {
		t.Errorf("written to what is not there: %q %q", d.lost, sd.lost)
	}
}

// A row stays the element it is while its deployment goes on, so that who points at it or stands on it is not thrown off; when it has
// ended it goes to the others.
func TestDeploymentGoesOnWhereItStands(t *testing.T) {
	w, page, d, paint := deploymentsPage(t)
	row := d.root.find("dpl-under").kids[1]
	w.publish(w.now, w.event("deployment:building", "github-mcp", w.now, map[string]any{"id": "d5", "progress": 61, "stage": "image layer 15 of 41"}))
	writes := d.writes
	paint(250 * time.Millisecond)
	wantRows(t, d, "dpl-under", "stripe-mcp", "github-mcp 2.8.1 Building 61 % image layer 15 of 41")
	if d.root.find("dpl-under").kids[1] != row {
		t.Error("the row was made anew")
	}
	if n := d.writes - writes; n > 30 {
		t.Errorf("%d writes for a step", n)
	}
	paint(time.Hour)
	wantRows(t, d, "dpl-under", "stripe-mcp", "github-mcp 2.8.1 Building 61 % image layer 15 of 41 nothing heard for 1 h")

	w.publish(w.now, w.event("deployment:completed", "github-mcp", w.now, map[string]any{"id": "d5", "version": "2.8.1", "durationMs": 72000}))
	w.publish(w.now, w.event("deployment:started", "sentry-mcp", w.now, map[string]any{"version": "5"}))
	paint(250 * time.Millisecond)
	wantRows(t, d, "dpl-under", "sentry-mcp 5 Started", "stripe-mcp")
	wantRows(t, d, "dpl-ended", "github-mcp 2.8.1 Ready", "postgres-mcp", "github-mcp", "github-mcp")
	before := d.writes
	paint(time.Second)
	if n := d.writes - before; n > 8 {
		t.Errorf("%d writes when nothing but time has passed", n)
	}
	if len(d.lost) > 0 {
		t.Errorf("written to what is not there: %q", d.lost)
	}
	_ = page
}

// What a stream does not begin with is asked for once the page is live, and more when a reader wants it.
func TestDeploymentsAreReadFromTheRecord(t *testing.T) {
	w, page, d, _ := deploymentsPage(t)
	var asked []model.Wish
	wisher := &wishes{clocked: w, asked: &asked}
	page.src = wisher
	frame := func() { wisher.now = wisher.now.Add(time.Second); page.Paint(w.m, wisher.now) }
	frame()
	frame()
	if len(asked) != 1 || !asked[0].Deployments || asked[0].Back != 24*time.Hour {
		t.Fatalf("asked for %+v, want the last day, once", asked)
	}
	for _, step := range []struct {
		failed bool
		since  time.Duration
		words  string
		want   time.Duration
	}{
		{true, 0, "The record could not be read. Try again", 24 * time.Hour},
		{false, 24 * time.Hour, "Since Mon 12:41, of each server at most the newest 20. Read the last 7 days", 7 * 24 * time.Hour},
		{false, 7 * 24 * time.Hour, "Since 5 May 12:41, of each server at most the newest 20. Read all", 0},
	} {
		w.m.DeploymentsReading()
		frame()
		if got := d.root.find("dpl-older").words(); got != "Reading the record." {
			t.Errorf("while it is read: %q", got)
		}
		if step.failed {
			w.m.DeploymentsFailed()
		} else {
			w.m.ReadDeployments(nil, noon.Add(-step.since))
		}
		frame()
		if got := d.root.find("dpl-older").words(); got != step.words {
			t.Errorf("got %q, want %q", got, step.words)
		}
		page.screen.(*deployments).do("older", "", noon)
		frame()
		if last := asked[len(asked)-1]; last.Back != step.want || !last.Deployments {
			t.Errorf("%q asked for %v, want %v", step.words, last.Back, step.want)
		}
	}
	w.m.ReadDeployments(nil, time.Time{})
	frame()
	if got := d.root.find("dpl-older").words(); got != "This is all that is recorded, of each server at most the newest 20." {
		t.Errorf("at the end: %q", got)
	}
	if len(asked) != 4 {
		t.Errorf("asked %d times", len(asked))
	}
}

// wishes is a Source that notes what is to be read.
type wishes struct {
	*clocked
	asked *[]model.Wish
}

func (w *wishes) ReadLog(wish model.Wish) { *w.asked = append(*w.asked, wish) }

// A page of a fleet that never deployed says how to; one of a fleet with ten thousand draws a hundred.
func TestNoDeploymentsAndMany(t *testing.T) {
	none := newWorld(t)
	none.begin(noon)
	_, d := mounted(t, none, "/deployments")
	if first := d.root.find("dpl-first"); strings.Contains(first.attrs["class"], "off") || !strings.Contains(first.words(), "http://127.0.0.1:8080/api/events") {
		t.Errorf("says %q", first.words())
	}
	many := newWorld(t)
	many.begin(noon)
	for i := range 300 {
		at := noon.Add(time.Duration(i) * time.Second)
		many.publish(at, many.event("deployment:completed", fmt.Sprintf("s%d", i%30), at, map[string]any{"id": fmt.Sprint(i), "version": fmt.Sprint(i)}))
	}
	src := &clocked{many, noon.Add(time.Hour)}
	page, d := mounted(t, src, "/deployments")
	if n := len(rowsOf(d, "dpl-ended")); n != deploymentsShown {
		t.Errorf("%d rows", n)
	}
	if got := d.root.find("dpl-older").words(); !strings.HasPrefix(got, "200 more are not drawn.") {
		t.Errorf("says %q", got)
	}
	page.screen.(*deployments).do("more", "", noon)
	page.Paint(many.m, src.now.Add(time.Second))
	if n := len(rowsOf(d, "dpl-ended")); n != 2*deploymentsShown {
		t.Errorf("%d rows after more were wished for", n)
	}
	for i := range 150 {
		many.publish(noon, many.event("deployment:started", fmt.Sprintf("s%d", i), noon.Add(time.Duration(i)*time.Second), map[string]any{"id": "never"}))
	}
	_, forever := mounted(t, src, "/deployments")
	if n := len(rowsOf(forever, "dpl-under")); n != deploymentsShown || !strings.HasPrefix(forever.root.find("dpl-older").words(), "250 more") {
		t.Errorf("%d rows of deployments that never end, %q", n, forever.root.find("dpl-older").words())
	}
	wantRows(t, &document{t: t, root: &node{kids: []*node{{attrs: map[string]string{"id": "x"}, kids: d.root.find("dpl-ended").kids[:2]}}}}, "x", "s29 299 Ready", "s28 298 Ready")
}
