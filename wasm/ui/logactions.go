package ui

import (
	"net/url"
	"strings"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/browser"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// logged is a screen with a log.
type logged interface {
	logPanel() *logPanel
}

func (v *server) logPanel() *logPanel { return &v.log }

// log returns the log on the screen, or nil.
func (s *Page) log() *logPanel {
	if screen, ok := s.screen.(logged); ok {
		return screen.logPanel()
	}
	return nil
}

// doLog carries out what a reader asked of the log that takes more than the log itself, and reports whether it was that.
func (s *Page) doLog(v *logPanel, what, of string) bool {
	switch what {
	case "hit":
		s.src.View(func(m *model.Model, _ time.Time) { v.hit(&m.Log, of == "up", s.now) })
		s.src.Repaint()
		s.address(true)
	case "read": // what a gap stands for
		parts := strings.SplitN(of, " ", 3)
		var w model.Wish
		if len(parts) == 3 && w.From.UnmarshalText([]byte(parts[0])) == nil && w.To.UnmarshalText([]byte(parts[1])) == nil && !w.To.IsZero() {
			w.Server = parts[2]
			s.src.ReadLog(w)
		}
	case "older":
		s.src.ReadLog(model.Wish{Server: v.from()})
	case "copy-line", "copy-json", "copy-link":
		place, err := event.ParseID(of)
		if err != nil {
			return true
		}
		if what == "copy-link" {
			q := s.said()
			q.Del("at")
			q.Set("line", of)
			copyText(s.origin + (&url.URL{Path: s.path}).EscapedPath() + "?" + q.Encode())
			return true
		}
		s.src.View(func(m *model.Model, now time.Time) {
			at, _ := m.Log.Find(place)
			line, ok := m.Log.Line(at)
			switch {
			case !ok:
			case what == "copy-json":
				copyText(string(line.Data))
			default:
				copyText(lineText(&line, now.Location()))
			}
		})
	case "download":
		s.download(v)
	default:
		return false
	}
	return true
}

// download hands the lines shown to the reader as a file, oldest first, as the record has them.
func (s *Page) download(v *logPanel) {
	name := "telltale"
	if of := v.from(); of != "" {
		name = of
	}
	file := browser.NewFile()
	s.src.View(func(m *model.Model, now time.Time) {
		v.view.Step(&m.Log, func() bool { return true })
		var b []byte
		v.view.Window(&m.Log, v.view.Rows(), 0, func(at model.Spot, _ bool, line func() model.Line) {
			if at.IsGap() {
				return
			}
			l := line()
			b = event.AppendLine(b, event.Event{ID: l.Place, Type: l.Type, Server: l.Server, Time: l.Time, Data: l.Data})
			if len(b) > 64<<10 {
				file.Write(b)
				b = b[:0]
			}
		})
		file.Write(b)
		name += "-" + now.Format("2006-01-02-150405") + ".ndjson"
	})
	file.Save(name, "application/x-ndjson")
}

// onChange hands on what a field was set to.
func (s *Page) onChange(ctx app.Context, e app.Event) {
	ctx.PreventUpdate()
	if in := e.Get("target"); in.Truthy() {
		if name := data(in, "change"); name != "" {
			s.ask(name, in.Get("value").String())
		}
	}
}
