package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// publishCmd publishes events.
type publishCmd struct {
	Type string `arg:"" optional:"" help:"Type of the event, \"category:action\". Without it, events are read from standard input, one JSON object a line."`
	Data string `arg:"" optional:"" help:"Payload, a JSON object."`

	URL    string `default:"http://127.0.0.1:8080" help:"Where Telltale is served. Certificates of https are checked against those of the system, or those in the file that SSL_CERT_FILE names. Default: ${default}."`
	Server string `placeholder:"ID" help:"The server the event is about. Events on standard input may name theirs as \"serverId\" instead."`
	Token  string `placeholder:"TOKEN" help:"Who is asking, where the server wants to know; better in the environment, as others on this machine can see what is on a command line. Default: none."`
	ID     string `name:"id" placeholder:"ID" help:"Your own id of the event: published again with the same id, it is recorded once."`
	Source string `placeholder:"NAME" help:"Who says so."`
}

// What goes out in one request: enough that a fast publisher is not held up by waiting for each line's commit.
const (
	batchLines = 1000
	batchBytes = 1 << 20
)

// Run publishes and prints the place of each event, or "held" for one that came so soon after another of its kind that the
// server records it a moment later, or a newer one in its place.
func (c *publishCmd) Run(p *program) error {
	path := "/api/events"
	if c.Server != "" {
		if err := event.CheckServer(c.Server); err != nil {
			return fmt.Errorf("--server %q: %w", c.Server, err)
		}
		path = "/api/servers/" + url.PathEscape(c.Server) + "/events"
	}
	address, err := apiURL(c.URL, "", nil)
	if err != nil {
		return err
	}
	send := &sender{p: p, url: address + path, token: c.Token, header: bearer(c.Token), client: http.Client{Timeout: time.Minute}}
	if c.Type != "" {
		if c.Server == "" {
			return errors.New("--server says which server the event is about")
		}
		d := event.Draft{ID: c.ID, Type: c.Type, Source: c.Source}
		if c.Data != "" {
			if !json.Valid([]byte(c.Data)) {
				return fmt.Errorf("payload %.60q is not JSON: want an object such as %s", c.Data, `'{"size":12}'`)
			}
			d.Data = json.RawMessage(c.Data)
		}
		body, err := json.Marshal(d)
		if err != nil {
			return err
		}
		return send.send(body)
	}
	if c.ID != "" || c.Source != "" {
		return errors.New("--id and --source go with a type on the command line; events on standard input have fields of those names")
	}
	if !isPiped(p.stdin) {
		return errors.New(`nothing to publish: give a type and a payload, such as publish --server web-1 backup:finished '{"size":12}', or events on standard input`)
	}
	return send.lines(p.stdin)
}

// sender posts events.
type sender struct {
	p      *program
	url    string
	token  string
	header http.Header
	client http.Client
}

// lines sends standard input as it comes: what is at hand goes out together, and nothing waits for a batch to fill.
func (s *sender) lines(in io.Reader) error {
	r := bufio.NewReaderSize(in, 64<<10)
	var batch bytes.Buffer
	line, first, held := 0, 1, 0
	for {
		text, err := r.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("standard input: %w", err)
		}
		end := err != nil
		if len(text) > 0 {
			line++
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			batch.Write(text)
			batch.WriteByte('\n')
			held++
		}
		if held > 0 && (end || r.Buffered() == 0 || held >= batchLines || batch.Len() >= batchBytes) {
			if err := s.send(batch.Bytes()); err != nil {
				if first == line {
					return fmt.Errorf("line %d: %w", line, err)
				}
				return fmt.Errorf("lines %d to %d: %w", first, line, err)
			}
			batch.Reset()
			first, held = line+1, 0
		}
		if end {
			return nil
		}
	}
}

// send posts one body of events and prints their places.
func (s *sender) send(body []byte) error {
	req, err := http.NewRequestWithContext(s.p.ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	maps.Copy(req.Header, s.header)
	req.Header.Set("Content-Type", "application/x-ndjson")
	answer, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, 8<<20))
	if err != nil {
		return fmt.Errorf("publish: read the answer: %w", err)
	}
	if answer.StatusCode != http.StatusAccepted {
		var problem struct {
			Title, Detail string
		}
		if json.Unmarshal(b, &problem) == nil && problem.Detail != "" {
			return refusal(answer.StatusCode, s.token, fmt.Errorf("publish: refused (%d %s): %s", answer.StatusCode, problem.Title, printable(problem.Detail)))
		}
		line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
		return fmt.Errorf("publish: the answer was %s, which is not a Telltale's: %.200s", answer.Status, printable(line))
	}
	var accepted struct {
		Events []struct {
			ID       string
			Repeated bool
			Held     bool
		}
	}
	if err := json.Unmarshal(b, &accepted); err != nil {
		return fmt.Errorf("publish: read the answer: %w", err)
	}
	out := bufio.NewWriter(s.p.stdout)
	for _, e := range accepted.Events {
		switch {
		case e.Held:
			fmt.Fprintln(out, "held")
		case e.Repeated:
			fmt.Fprintln(out, e.ID, "repeated")
		default:
			fmt.Fprintln(out, e.ID)
		}
	}
	return out.Flush()
}
