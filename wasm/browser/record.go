package browser

import "io"

// Page is a stretch of the record.
type Page struct {
	Status int           // HTTP status of the answer; the rest is good for 200
	Next   string        // the place to go on after
	More   bool          // there is more after it already
	Gone   string        // "from to": the stretch retention has taken out of what was asked for; "" where nothing is missing
	Body   io.ReadCloser // one event a line, as event.AppendLine writes them; close it
}
