package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/server/history"
	"github.com/mcp-cloud/telltale/shared/event"
)

// History answers what samples came to; a *history.Recorder does.
type History interface {
	Ready() <-chan struct{}
	Query(ctx context.Context, q history.Query) (*history.Answer, error)
}

const (
	defaultPoints = 300       // as wide as a chart on a phone
	defaultSpan   = time.Hour // of history, where "from" is not said
	// maxTime is the last moment that RFC 3339 can say, in milliseconds since 1970.
	maxTime = 253402300799999
	// pastAge is how long a browser keeps a stretch that does not change any more.
	pastAge = 24 * time.Hour
)

// history answers with what the samples of one metric of one server came to, in buckets. A stretch that is final is kept by browsers,
// for who asked for it and nobody else; of any other they ask whether it is still the same.
func (s *Server) history() handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		q, err := query(r)
		if err != nil {
			return err
		}
		ask, err := historyOf(r, q, time.Now())
		if err != nil {
			return err
		}
		absent := fail(http.StatusNotFound, "There is no history of %s of %.200q.", ask.Type, ask.Server)
		if s.past == nil || !grantOf(r).See.Match(ask.Server, ask.Type) {
			return absent
		}
		select {
		case <-s.past.Ready():
		default:
			return starting()
		}
		leave, err := s.turn(r)
		if err != nil {
			return err
		}
		defer leave()
		got, err := s.past.Query(r.Context(), ask)
		if errors.Is(err, history.ErrUnknown) {
			return absent
		}
		if err != nil {
			return fmt.Errorf("web: %w", err)
		}
		body := append(got.AppendJSON(nil), '\n')
		done, err := s.hold(r, body, "points=")
		if err != nil {
			return err
		}
		defer done()
		leave()
		h := w.Header()
		if !s.guard.Open() { // the browser may have another reader tomorrow
			h.Add("Vary", "Authorization, Cookie")
		}
		h.Set("Cache-Control", "private, no-cache")
		if visitOf(r).taken { // a cache would keep the address, and the secret in it
			h.Set("Cache-Control", "no-store")
		} else if got.To <= got.Complete && len(got.Unreadable) == 0 { // a copy of the record may be put back
			h.Set("Cache-Control", fmt.Sprintf("private, max-age=%d, immutable", int(pastAge.Seconds())))
		}
		sum := sha256.Sum256(body)
		h.Set("ETag", `W/"`+hex.EncodeToString(sum[:8])+`"`) // weak, as it is the same for every encoding
		h.Set("Content-Type", mediaJSON)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		return nil
	}
}

// historyOf returns what a request asks for.
func historyOf(r *http.Request, q url.Values, now time.Time) (ask history.Query, err error) {
	if ask.Server, err = serverOf(r); err != nil {
		return ask, err
	}
	ask.Type = q.Get("type")
	if err := event.CheckType(ask.Type); err != nil || !strings.HasPrefix(ask.Type, "metrics:") {
		return ask, wrongField("type", `type=%.140q: want one metric, such as "metrics:cpu".`, ask.Type)
	}
	ask.To = now.UnixMilli()
	if err := momentOf(q, "to", &ask.To); err != nil {
		return ask, err
	}
	ask.From = max(ask.To-defaultSpan.Milliseconds(), 0)
	if err := momentOf(q, "from", &ask.From); err != nil {
		return ask, err
	}
	if ask.From >= ask.To {
		name := "to"
		if q.Get("to") == "" {
			name = "from"
		}
		return ask, wrongField(name, "to=%s is not after from=%s: there is nothing between them.", momentText(ask.To), momentText(ask.From))
	}
	ask.Points, err = numberOf(q, "points")
	if err == nil && ask.Points > history.MaxPoints {
		err = wrongField("points", "points=%.60q: at most %d.", q.Get("points"), history.MaxPoints)
	}
	if ask.Points == 0 {
		ask.Points = defaultPoints
	}
	return ask, err
}

// momentOf reads an instant, in RFC 3339 or as milliseconds since 1970, from a query parameter; absent or empty leaves it as it is.
func momentOf(q url.Values, name string, ms *int64) error {
	text := q.Get(name)
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		var t time.Time
		t, err = time.Parse(time.RFC3339, text)
		n = t.UnixMilli()
	}
	if err != nil || n < 0 || n > maxTime {
		return noTime(name, text)
	}
	*ms = n
	return nil
}

func momentText(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// wrongField is the problem of a parameter.
func wrongField(name, format string, args ...any) error {
	p := fail(http.StatusBadRequest, format, args...)
	p.Field = name
	return p
}
