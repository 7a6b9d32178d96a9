package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

const (
	// maxLines wait for the record: with gather, at most 640 a second. More is a program gone wild, and its beginning tells
	// the story.
	maxLines = 128
	// maxText bounds a message or its context, in bytes.
	maxText = 8 << 10
)

// queue holds log lines until Run takes them. It never makes anybody wait.
type queue struct {
	ready chan struct{} // holds a token when there are lines

	mu      sync.Mutex // guards what follows
	lines   []payload
	dropped int // since the last take
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

func (q *queue) add(p payload) {
	q.mu.Lock()
	if len(q.lines) < maxLines {
		q.lines = append(q.lines, p)
	} else {
		q.dropped++
	}
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take returns all that waits, and what had to be dropped as a line of its own.
func (q *queue) take() []payload {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := q.lines
	q.lines = nil
	if q.dropped > 0 {
		out = append(out, say(event.LogsApp, event.AppLine{Level: "warn",
			Message: fmt.Sprintf("%d log lines were dropped: they came faster than they could be recorded", q.dropped)}))
		q.dropped = 0
	}
	return out
}

// Request publishes that a request was answered, as a "logs:request". The path is without its query.
func (s *Source) Request(method, path string, status int, took time.Duration) {
	line := event.RequestLine{Level: "info", Method: cut(method), Path: cut(path), StatusCode: status,
		ResponseTime: event.Num(float64(took.Microseconds()) / 1000)}
	if status >= 500 {
		line.Level = "error"
	}
	p := say(event.LogsRequest, line)
	p.at = time.Now()
	s.lines.add(p)
}

// Handler returns a slog.Handler that hands each record to next and, from level Info on, publishes it as a "logs:app",
// its attributes as "context".
func (s *Source) Handler(next slog.Handler) slog.Handler {
	h := &handler{next: next, lines: s.lines, out: new(jsonBuffer)}
	h.attrs = slog.NewJSONHandler(&h.out.b, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: attrsOnly})
	return h
}

// attrsOnly leaves out what an AppLine has fields for.
func attrsOnly(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.LevelKey || a.Key == slog.MessageKey || a.Key == slog.TimeKey) {
		return slog.Attr{}
	}
	return a
}

// handler publishes records. Those derived from one another share the buffer in which attributes become JSON.
type handler struct {
	next  slog.Handler
	lines *queue
	attrs slog.Handler // writes the attributes, and nothing else, to out.b
	out   *jsonBuffer
}

type jsonBuffer struct {
	mu sync.Mutex // guards b, which attrs writes to
	b  bytes.Buffer
}

func (h *handler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo || h.next.Enabled(ctx, l)
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		p := say(event.LogsApp, event.AppLine{Level: level(r.Level), Message: cut(r.Message), Context: h.context(ctx, r)})
		p.at = r.Time
		h.lines.add(p)
	}
	if !h.next.Enabled(ctx, r.Level) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// context returns the record's attributes as a JSON object, or nil when there are none.
func (h *handler) context(ctx context.Context, r slog.Record) json.RawMessage {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.b.Reset()
	if h.attrs.Handle(ctx, r) != nil {
		return nil
	}
	b := bytes.TrimSpace(h.out.b.Bytes())
	switch {
	case string(b) == "{}":
		return nil
	case len(b) > maxText:
		return json.RawMessage(fmt.Sprintf(`{"leftOut":"%d bytes"}`, len(b)))
	}
	return bytes.Clone(b)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.next.WithAttrs(attrs), h.lines, h.attrs.WithAttrs(attrs), h.out}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.next.WithGroup(name), h.lines, h.attrs.WithGroup(name), h.out}
}

// level returns the catalogue's word for a level; those between two count as the lower.
func level(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warn"
	case l >= slog.LevelInfo:
		return "info"
	}
	return "debug"
}

func cut(s string) string {
	if len(s) > maxText {
		return s[:maxText] + "…"
	}
	return s
}
