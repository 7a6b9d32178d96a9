package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/sse"
)

const (
	// defaultBeat is taken for the heartbeat until the server has said its own.
	defaultBeat = 15 * time.Second
	// openTime is how long an answer and the first bytes of its body may take.
	openTime = 15 * time.Second
	// leastPoll is the least time between two polls, where the server does not say.
	leastPoll = time.Second
	// maxRetryAfter bounds what a Retry-After can ask for: longer, and a typing error there would keep a page dark.
	maxRetryAfter = 10 * time.Minute
	// maxPlain bounds what is told of an answer in plain text, in bytes.
	maxPlain = 200
)

// connect opens one connection and follows it to its end. It returns how long to wait before the next, of which at least
// how much whatever happens, or the refusal.
func (c *Client) connect(ctx context.Context) (refused *RefusedError, wait, least time.Duration) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(openTime, func() { cancel(errSilent) })
	defer silence.Stop()

	c.mu.Lock()
	c.tryNow = false
	c.hangUp = cancel
	c.allowed = openTime
	c.heard = time.Now().Round(0)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.hangUp = nil
		c.mu.Unlock()
	}()

	var r Request
	if c.whole {
		r.LastEventID = c.After.String()
	}
	answer, err := c.Source.Open(ctx, r)
	if err != nil {
		c.state.Status = 0
		if errors.As(err, &refused) {
			return refused, 0, 0
		}
		return nil, c.failed(ctx, err, 0), c.Backoff.Floor
	}
	defer answer.Body.Close()
	if err := accept(answer); err != nil {
		c.state.Status = answer.Status
		if errors.As(err, &refused) {
			return refused, 0, 0
		}
		least = max(retryAfter(answer.RetryAfter, time.Now()), c.Backoff.Floor)
		return nil, c.failed(ctx, err, least), least
	}
	if c.linked && !c.moved && !c.polling {
		c.account.Reconnects++
	}
	c.linked = true
	f := follower{Client: c, silence: silence, asked: r.LastEventID != ""}
	stop := c.doubt(ctx, cancel)
	err = f.follow(answer.Body)
	stop()
	c.forget()
	if f.closing.Reason == event.ClosingEnded {
		c.state.Closing = f.closing.Reason
		return &RefusedError{Status: answer.Status, Detail: f.closing.Message}, 0, 0
	}
	return nil, c.lost(ctx, err, &f), c.Backoff.Floor
}

// accept returns nil for a stream, a *RefusedError for an answer that says not to ask again, and another error for one
// that waiting may mend. A 200 that is not a stream is of the last kind: the standard's EventSource gives up there, but it
// is what a proxy's or a hotel network's own page looks like, and those pass.
func accept(a *Response) error {
	switch s := a.Status; {
	case s == 200:
		if t, _, _ := mime.ParseMediaType(a.ContentType); t != sse.ContentType {
			return fmt.Errorf("the answer is not an event stream but %.60q", a.ContentType)
		}
		return nil
	case s == 204:
		return &RefusedError{Status: s}
	case s == 408 || s == 425 || s == 429 || s < 400 || s >= 500:
		if d := detail(a); d != "" {
			return errors.New(d)
		}
		return fmt.Errorf("the answer was %d", s)
	default:
		return &RefusedError{Status: s, Detail: detail(a)}
	}
}

// detail returns what problem JSON (RFC 9457) says in words, or a short line of plain text, as proxies and an https port that was
// asked over http answer with; or "".
func detail(a *Response) string {
	t, _, _ := mime.ParseMediaType(a.ContentType)
	if t != "" && t != "text/plain" && !strings.HasSuffix(t, "json") {
		return ""
	}
	b, err := io.ReadAll(io.LimitReader(a.Body, 16<<10))
	if err != nil {
		return ""
	}
	if !strings.HasSuffix(t, "json") {
		line := strings.TrimSpace(string(b))
		if len(line) > maxPlain || !utf8.ValidString(line) || strings.ContainsAny(line, "\n<") {
			return ""
		}
		return line
	}
	var problem struct{ Title, Detail string }
	if json.Unmarshal(b, &problem) != nil {
		return ""
	}
	if problem.Detail != "" {
		return problem.Detail
	}
	return problem.Title
}

// retryAfter reads the header's two forms; zero when it is missing or wrong.
func retryAfter(header string, now time.Time) time.Duration {
	if header == "" {
		return 0
	}
	var d time.Duration
	if n, err := strconv.ParseUint(header, 10, 31); err == nil || errors.Is(err, strconv.ErrRange) { // n is then the most there is
		d = time.Duration(n) * time.Second
	} else if t, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", header); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}

// failed tells of a try that came to nothing, and returns the wait before the next.
func (c *Client) failed(ctx context.Context, err error, least time.Duration) time.Duration {
	c.moved, c.polling = false, false
	if context.Cause(ctx) == errAsked {
		return 0
	}
	c.state.Failures++
	c.state.Reason = reason(ctx, err)
	return c.pause(least)
}

// lost tells of the end of a connection that had begun, and returns the wait before the next: none when this end hung up
// on a connection that had worked, as a new one is overdue.
func (c *Client) lost(ctx context.Context, err error, f *follower) time.Duration {
	c.polling = false
	if f.limited {
		c.polling, c.moved = true, false
		if context.Cause(ctx) == errAsked {
			return 0
		}
		return max(time.Duration(c.state.Limit.RetryMs)*time.Millisecond, c.Backoff.Floor, leastPoll)
	}
	if f.closing.Reason != "" {
		c.state.Closing = f.closing.Reason
		err = errors.New(f.closing.Message)
	}
	if !f.flowed {
		return c.failed(ctx, err, 0)
	}
	if c.moved = errors.Is(err, ErrMoved) && c.state.Phase == Live; c.moved {
		return 0
	}
	text := reason(ctx, err)
	p, cause := Reconnecting, context.Cause(ctx)
	if cause == errSilent || cause == errWoken || cause == errMute {
		p = Stale
	}
	c.phase(p, time.Now())
	c.state.Reason = text
	if ours(cause) {
		c.report()
		return 0
	}
	return c.pause(0)
}

// ours reports whether it was this end that hung up.
func ours(cause error) bool {
	switch cause {
	case errSilent, errWoken, errMute, errNetwork, errAsked:
		return true
	}
	return false
}

func reason(ctx context.Context, err error) string {
	if cause := context.Cause(ctx); ours(cause) {
		return cause.Error()
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return "the connection was closed"
	}
	return err.Error()
}
