package web

import (
	"bytes"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
	"github.com/mcp-cloud/telltale/wasm/ui"
)

// pictureAge is for how long pages share one picture: far less than a page takes to arrive, and so many fewer to make when
// everybody comes at once.
const pictureAge = 100 * time.Millisecond

// maxPictures bounds how many are shared at a time: one for each filter of those who may not see the same.
const maxPictures = 32

// pictures are those that pages are made of, by the key of the filter of what their readers may see. Who holds stage owns them.
type pictures struct {
	hub       *hub.Hub
	version   string
	heartbeat time.Duration
	by        map[string]*picture
}

// picture is a Model filled with the hub's present picture, in the very text that the page carries along, so that the app in
// the browser starts with what is on screen.
type picture struct {
	made  time.Time
	model *model.Model
	text  string
}

// of returns the picture for who may see only so much, made anew when it is older than pictureAge.
func (ps *pictures) of(see event.Filter, now time.Time) *picture {
	key := see.Key()
	if p := ps.by[key]; p != nil && now.Sub(p.made) < pictureAge {
		return p
	}
	if ps.by == nil {
		ps.by = make(map[string]*picture)
	}
	if len(ps.by) >= maxPictures {
		maps.DeleteFunc(ps.by, func(_ string, p *picture) bool { return now.Sub(p.made) >= pictureAge })
	}
	if len(ps.by) >= maxPictures {
		clear(ps.by)
	}
	text := pictureText(veil(ps.hub.Picture(see), see), ps.version, ps.heartbeat, now)
	p := &picture{made: now, model: model.New(), text: string(text)}
	_, _ = p.model.Load(text, now) // our own text always loads; otherwise the page would be empty and no worse
	ps.by[key] = p
	return p
}

// pictureText is a picture as a stream would begin with it: sync, the events, and the heartbeat that says that it is whole.
// It can stand in a script element: no "<" is in it.
func pictureText(picture hub.Picture, version string, heartbeat time.Duration, at time.Time) []byte {
	at = at.UTC().Truncate(time.Millisecond)
	b := must(event.StreamSync.AppendFrame(nil, event.ID{}, event.Sync{
		Mode: event.SyncFresh, Place: picture.Place, HeartbeatMs: heartbeat.Milliseconds(), ServerTime: at, Version: version,
	}))
	b = picture.AppendFrames(b)
	b = must(event.StreamHeartbeat.AppendFrame(b, picture.Place, event.Heartbeat{ServerTime: at, Place: picture.Place}))
	return bytes.ReplaceAll(b, []byte("<"), []byte(`\u003c`))
}

// must returns what AppendFrame does. It fails only on payloads that JSON can't say, and ours are none.
func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// stage is where pages are drawn, one at a time: go-app's routes are the process's, and what makes a component is not told for
// which request. So whoever draws a page puts his picture here first, and the whole page is of one picture.
var stage struct {
	sync.Mutex
	routes sync.Once
	now    *picture
	zone   *time.Location // of whom the page is for
}

// draw answers with a page that go-app draws of what its reader may see, its clock times in his zone. me is whom the page is for, as
// GET /api/me says it.
func (a *webApp) draw(w http.ResponseWriter, r *http.Request, me []byte) {
	stage.Lock()
	defer stage.Unlock()
	stage.routes.Do(func() { ui.Routes(staged{}, nil, nil) })
	stage.now, stage.zone = a.picture.of(grantOf(r).See, time.Now()), zoneOf(r)
	stage.now.model.Me = model.ReadMe(me)
	a.handler.ServeHTTP(w, r)
}

// weight is about how many bytes a page for the reader of a request holds until he has taken it: what it shows, and what it carries along.
func (a *webApp) weight(r *http.Request) int {
	stage.Lock()
	defer stage.Unlock()
	return 2 * len(a.picture.of(grantOf(r).See, time.Now()).text)
}

// staged is the Source of prerendered pages: the picture on stage. Its methods are called while a page is drawn, by the
// goroutine that draws it.
type staged struct{}

var _ ui.Pictured = staged{}

// View calls f with the Model; see ui.Source.
func (staged) View(f func(m *model.Model, now time.Time)) {
	f(stage.now.model, stage.now.made.In(stage.zone))
}

// ViewPicture calls f with the Model and the text it was made from; see ui.Pictured.
func (staged) ViewPicture(f func(m *model.Model, now time.Time, picture string)) {
	f(stage.now.model, stage.now.made.In(stage.zone), stage.now.text)
}

// Attach does nothing, and nor do the others: what is prerendered is never painted again, and has no connection.
func (staged) Attach(func(m *model.Model, now time.Time)) (detach func()) { return func() {} }

func (staged) Later()                   {}
func (staged) Recall(string)            {}
func (staged) Ask(model.Question)       {}
func (staged) Histories([]model.Period) {}
func (staged) RetryHistories()          {}
func (staged) EndSession(string)        {}
func (staged) ReadLog(model.Wish)       {}
func (staged) Repaint()                 {}
func (staged) Retry()                   {}
