package web

import (
	"bytes"
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

// picture is a Model filled with the hub's present picture, in the very text that the page carries along, so that the app in
// the browser starts with what is on screen. Who holds stage owns it.
type picture struct {
	hub       *hub.Hub
	version   string
	heartbeat time.Duration

	made  time.Time
	model *model.Model
	text  string
}

// refresh makes the picture anew when it is older than pictureAge.
func (p *picture) refresh(now time.Time) {
	if p.model != nil && now.Sub(p.made) < pictureAge {
		return
	}
	text := pictureText(p.hub.Picture(event.Filter{}), p.version, p.heartbeat, now)
	p.made, p.model, p.text = now, model.New(), string(text)
	_, _ = p.model.Load(text, now) // our own text always loads; otherwise the page would be empty and no worse
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

// draw answers with a page that h draws from p, its clock times in the zone.
func draw(p *picture, zone *time.Location, h http.Handler, w http.ResponseWriter, r *http.Request) {
	stage.Lock()
	defer stage.Unlock()
	stage.routes.Do(func() { ui.Routes(staged{}, nil) })
	p.refresh(time.Now())
	stage.now, stage.zone = p, zone
	h.ServeHTTP(w, r)
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

func (staged) Recall(string)           {}
func (staged) ReadBack(string, string) {}
func (staged) Repaint()                {}
func (staged) Retry()                  {}
