package ui

import (
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// Source is where the pages get what they show: in the browser the running program (package live), on the server a picture
// of the fleet as it is recorded.
type Source interface {
	// View calls f, at once and once, with the Model as it is and the local time. f reads it and keeps nothing of it.
	View(f func(m *model.Model, now time.Time))
	// Attach has paint called with the Model and the local time of the frame: at most once per animation frame and not at
	// all while the page is hidden; soon after anything changed; and at least four times a second, since ages go on when nothing
	// comes. detach returns when no call is going on, and none comes after it. On the server nothing is ever painted.
	Attach(paint func(m *model.Model, now time.Time)) (detach func())
	// Later, called by paint, has it called again on the next frame: it has put something off.
	Later()
	// Recall says that the page shows the last minutes of this server, or with "" of all, and wants them.
	Recall(server string)
	// ReadLog has lines, or deployments, read from the record and put where they belong; paint may call it too. It returns at once.
	ReadLog(w model.Wish)
	// Histories says which periods of the past the page shows now: they come into the Model, and are kept up to date until the
	// next Histories. It keeps want; paint may call it.
	Histories(want []model.Period)
	// RetryHistories asks again for what of them could not be read.
	RetryHistories()
	// Ask says which answers of the server the page shows: they come into the Model, and are kept up to date until the next Ask.
	Ask(what model.Question)
	// EndSession ends one of the reader's open streams; the Model says what becomes of it.
	EndSession(id string)
	// Repaint has the next frame painted though nothing came: the reader has asked for something.
	Repaint()
	// Retry ends waiting for the next try of the connection, or the connection there is, and opens a new one now.
	Retry()
}

// Pictured is a Source that has the stream text its Model was made from: "text/event-stream", whole frames, every "<" in it
// written as \u003c. The server's has; a page rendered from it carries the text along, so that the app starts with
// the very picture that is on screen.
type Pictured interface {
	Source
	// ViewPicture is View, and hands f the text that belongs to the Model.
	ViewPicture(f func(m *model.Model, now time.Time, picture string))
}
