package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/feed/httpsource"
)

// tailCmd follows events.
type tailCmd struct {
	URL     string `default:"http://127.0.0.1:8080" help:"Where Telltale is served. Certificates of https are checked against those of the system, or those in the file that SSL_CERT_FILE names. Default: ${default}."`
	Server  string `placeholder:"ID" help:"Only this server; also several, and patterns: \"web-*,db\"."`
	Types   string `placeholder:"TYPES" help:"Only these types, such as \"server:*,metrics:cpu\"."`
	Rate    string `placeholder:"N" help:"So many samples a second of each metric of each server are enough, such as 1 or 0.2."`
	Since   string `placeholder:"PLACE" help:"Everything after this place, such as 7f3a1c09.658512, instead of the current picture."`
	JSON    bool   `help:"One JSON object a line: {\"id\",\"event\",\"data\"}."`
	Token   string `placeholder:"TOKEN" help:"Who is asking, where the server wants to know; better in the environment, as others on this machine can see what is on a command line. Default: none."`
	Verbose bool   `short:"v" help:"Also say on standard error what becomes of the connection, and at the end the account: what was received, repeated, skipped, lost."`
}

// Run prints events until the program's context ends, whatever becomes of the connection. It fails where the server
// refuses for good, or when nobody reads the output any more.
func (c *tailCmd) Run(p *program) error {
	address, err := apiURL(c.URL, "/api/events", url.Values{"servers": {c.Server}, "types": {c.Types}, "rate": {c.Rate}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	t := &tailer{c: c, out: p.stdout, notes: p.stderr}
	client := feed.Client{Source: &httpsource.Source{URL: address, Header: bearer(c.Token)}, Handle: func(b feed.Batch) {
		if err := t.show(b); err != nil {
			cancel(fmt.Errorf("standard output: %w", err))
		}
	}}
	if c.Since != "" {
		if client.After, err = event.ParseID(c.Since); err != nil {
			return fmt.Errorf("--since %q: %w", c.Since, err)
		}
	}
	err = client.Run(ctx)
	if c.Verbose {
		t.note("%s", t.account)
	}
	if ctx.Err() == nil {
		if refused, ok := errors.AsType[*feed.RefusedError](err); ok {
			return refusal(refused.Status, c.Token, err)
		}
		return err
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// bearer is the header that says who is asking; none where there is no token.
func bearer(token string) http.Header {
	if token = strings.TrimSpace(token); token == "" { // a file read into the environment ends with a line break
		return nil
	}
	return http.Header{"Authorization": {"Bearer " + token}}
}

// refusal adds to what a server answered how a token is given to this program.
func refusal(status int, token string, err error) error {
	if status != http.StatusUnauthorized {
		return err
	}
	if token == "" {
		return fmt.Errorf("%w (give a token with --token, or in TELLTALE_TOKEN)", err)
	}
	return fmt.Errorf("%w (the token is that of --token or TELLTALE_TOKEN)", err)
}

// apiURL joins the address of a server, a path and those parameters that are not empty.
func apiURL(base, path string, q url.Values) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf(`--url %q: want something like "http://127.0.0.1:8080"`, base)
	}
	u = u.JoinPath(path)
	for k, v := range q {
		if v[0] == "" {
			delete(q, k)
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// tailer prints batches.
type tailer struct {
	c     *tailCmd
	out   io.Writer
	notes io.Writer
	phase feed.Phase
	had   bool // there was a connection
	lost  bool // the loss of the connection was told
	polls bool // that it polls was told
	buf   []byte

	account feed.Account // the newest
}

// show prints what a batch brought in one write. What is missing from the stream is always told.
func (t *tailer) show(b feed.Batch) error {
	t.account = b.Account
	t.connection(b.State)
	t.buf = t.buf[:0]
	for _, e := range b.Events {
		switch {
		case e.Class() == event.Control:
			if err := t.flush(); err != nil { // so that a gap is told where it is
				return err
			}
			t.control(e)
		case t.c.JSON:
			t.buf = append(t.buf, `{"id":"`...)
			t.buf = e.ID.Append(t.buf)
			t.buf = append(t.buf, `","event":"`...)
			t.buf = append(t.buf, e.Type...)
			t.buf = append(t.buf, `","data":`...)
			t.buf = append(t.buf, e.Data...)
			t.buf = append(t.buf, '}', '\n')
		default:
			t.buf = appendLine(t.buf, e, time.Now())
		}
	}
	return t.flush()
}

func (t *tailer) flush() error {
	if len(t.buf) == 0 {
		return nil
	}
	_, err := t.out.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

func (t *tailer) note(format string, args ...any) {
	fmt.Fprintf(t.notes, "telltale: "+format+"\n", args...)
}

func (t *tailer) connection(s feed.State) {
	if s.Phase == t.phase {
		return
	}
	t.phase = s.Phase
	t.had = t.had || s.Phase == feed.Live || s.Phase == feed.CatchingUp || s.Phase == feed.Polling
	switch {
	case s.Phase == feed.Reconnecting || s.Phase == feed.Stale || s.Phase == feed.Offline:
		if !t.lost {
			t.lost = true
			what := "the connection is lost"
			if !t.had {
				what = "there is no connection yet"
			}
			t.note("%s, trying again: %s", what, printable(s.Reason))
		}
	case s.Phase == feed.Polling:
		if !t.polls || t.lost {
			t.polls, t.lost = true, false
			t.note("not live, asking every few seconds: %s %s", printable(s.Reason), printable(s.Limit.Help))
		}
	case s.Phase == feed.Live && (t.lost || t.polls):
		t.lost, t.polls = false, false
		t.note("live again")
		if t.c.Verbose {
			t.note("%s", t.account)
		}
	case t.c.Verbose:
		t.note("%s", s.Phase)
	}
}

func (t *tailer) control(e event.Event) {
	switch e.Type {
	case event.StreamGap.Name(), event.StreamReset.Name():
		t.note("%s %s", e.Type, printable(string(e.Data)))
	case event.StreamHeartbeat.Name():
	case event.StreamSync.Name():
		if sync, err := event.StreamSync.Decode(e.Data); err == nil && sync.Mode == event.SyncReset {
			t.note("the place to go on from is not in this record, or not any more (%s): what follows is the present picture", sync.Reason)
		}
		fallthrough
	default:
		if t.c.Verbose {
			t.note("%s %s", e.Type, printable(string(e.Data)))
		}
	}
}

// appendLine appends an event for people: local time, with the date where that is not today's, server, type, and the fields of its own as key=value, a
// log line's level and message first and without their keys.
func appendLine(b []byte, e event.Event, now time.Time) []byte {
	if !e.Time.IsZero() {
		at := e.Time.Local()
		if now = now.Local(); at.YearDay() != now.YearDay() || at.Year() != now.Year() {
			b = at.AppendFormat(b, "2006-01-02 ")
		}
		b = at.AppendFormat(b, "15:04:05.000 ")
	}
	b = append(b, printable(e.Server)...)
	b = append(b, ' ')
	b = append(b, e.Type...)
	var rest []byte
	dec := json.NewDecoder(strings.NewReader(string(e.Data)))
	dec.UseNumber()
	if _, err := dec.Token(); err != nil {
		return append(b, '\n')
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			break
		}
		var val json.RawMessage
		if dec.Decode(&val) != nil {
			break
		}
		name, _ := key.(string)
		switch name {
		case "id", "timestamp", "serverId", "source":
			continue
		case "type":
			if e.Class() == event.Sample {
				continue
			}
		case "level", "message":
			if e.Class() == event.Line {
				b = append(b, ' ')
				b = append(b, plain(val)...)
				continue
			}
		}
		rest = append(rest, ' ')
		rest = append(rest, printable(name)...)
		rest = append(rest, '=')
		rest = append(rest, quoted(val)...)
	}
	return append(append(b, rest...), '\n')
}

// plain is the text of a JSON string, or the JSON of another value.
func plain(val json.RawMessage) string {
	var s string
	if json.Unmarshal(val, &s) == nil {
		return printable(s)
	}
	return printable(string(val))
}

// quoted is plain, in quotes where it would not read as one word.
func quoted(val json.RawMessage) string {
	s := plain(val)
	if len(val) > 0 && val[0] == '"' && (s == "" || strings.ContainsAny(s, " =\"")) {
		return strconv.Quote(s)
	}
	return s
}

// printable writes control characters as \u escapes: what strangers publish must not move the cursor or colour the screen.
func printable(s string) string {
	hidden := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
