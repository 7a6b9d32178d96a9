// Package host makes this machine and this very process a server like any other: it publishes what the machine's CPU,
// memory, network and disk are doing, what state the process is in, and what the process has to say in its own log.
//
// # Concurrency
//
// Run is one goroutine and starts none: it measures, empties the queue of log lines and appends to the record, in turn. When
// the record is slow, samples come less often and the queue, which is bounded, fills; lines that do not fit are dropped and
// counted, and the count is published as a line of its own. Nobody who logs or answers a request ever waits.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Publisher is the part of a journal.Log that the machine needs.
type Publisher interface {
	Append(ctx context.Context, events []event.Event) ([]journal.Receipt, error)
}

// source is the "source" of all that this package publishes.
const source = "host"

const (
	// interval of the samples: what the catalogue says, and what a person can follow.
	interval = time.Second
	// gather is how long a line waits for others, so that a burst of them shares one commit.
	gather = 200 * time.Millisecond
	// farewell bounds the last Append, which tells that the server is offline: nobody waits longer for a process to end.
	farewell = 5 * time.Second
)

// Config says who this machine is.
type Config struct {
	Server  string // its id among the servers; see ServerID
	Version string // of this program
	Disk    string // a path on the file system to measure; "": the working directory's

	// Logger is told what can't be published. It must not come from Source.Handler, or a record that fails would be fed with
	// the news that it fails. nil: nobody is told.
	Logger *slog.Logger
}

// Source is this machine. Its Handler and Request may be called from the moment New has returned, by any number of
// goroutines, before, during and after Run.
type Source struct {
	c       Config
	started time.Time
	lines   *queue
	failing bool // the last Append failed, and was told; owned by Run
}

// New returns the source; its start is the process's start as far as readers are told.
func New(c Config) *Source {
	if c.Disk == "" {
		c.Disk = "."
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Source{c: c, started: time.Now(), lines: newQueue()}
}

// ServerID makes an id for a server of a host's name, which may hold anything.
func ServerID(hostname string) string {
	id := strings.Map(func(r rune) rune {
		if strings.ContainsRune("/,*", r) || event.CheckText(string(r)) != nil {
			return '-'
		}
		return r
	}, strings.ToValidUTF8(hostname, "-"))
	for len(id) > event.MaxServerLen {
		id = id[:len(id)-1]
	}
	id = strings.TrimSpace(strings.ToValidUTF8(id, ""))
	if event.CheckServer(id) != nil {
		return "this-machine"
	}
	return id
}

// Run publishes until ctx ends: that the server is starting; that it is online, once online has given the URL it is reached
// at; samples and log lines; and in the end that it is offline, which is recorded when Run returns. A record that fails does not end
// Run, and it goes on when the record does; only a record that is closed is an error.
//
// Whatever an earlier process left behind as its last word is replaced at once by "starting".
func (s *Source) Run(ctx context.Context, log Publisher, online <-chan string) error {
	if err := s.publish(ctx, log, s.arrival()); err != nil {
		return err
	}
	m := newMeter(s.c.Disk)
	m.measure(time.Now()) // what rates are counted from
	tick := time.NewTicker(interval)
	defer tick.Stop()
	flush := time.NewTimer(0)
	flush.Stop()
	defer flush.Stop()
	warned := make(map[string]bool)

	for {
		var out []payload
		select {
		case <-ctx.Done():
			return s.leave(ctx, log)
		case url := <-online:
			out = s.online(url)
			online = nil
		case now := <-tick.C:
			samples, errs := m.measure(now)
			for _, err := range errs {
				if !warned[err.Error()] {
					warned[err.Error()] = true
					s.c.Logger.Warn("not measured", "error", err)
				}
			}
			out = samples
		case <-s.lines.ready:
			flush.Reset(gather)
			continue
		case <-flush.C:
			out = s.lines.take()
		}
		if err := s.publish(ctx, log, out); err != nil {
			return err
		}
	}
}

// arrival is what a start has to say.
func (s *Source) arrival() []payload {
	return []payload{
		say(event.ServerStarting, event.Starting{StartTime: s.started.UTC().Truncate(time.Millisecond)}),
		say(event.DeploymentStarted, event.Started{TemplateID: "telltale", Version: s.c.Version}),
	}
}

func (s *Source) online(url string) []payload {
	took := time.Since(s.started)
	return []payload{
		say(event.ServerOnline, event.Online{Uptime: seconds(took), URL: url, Version: s.c.Version}),
		say(event.DeploymentCompleted, event.Completed{Version: s.c.Version, DurationMs: event.Num(took.Milliseconds())}),
	}
}

// leave publishes the lines that wait and, last of all, that the server is offline. ctx has ended by then.
func (s *Source) leave(ctx context.Context, log Publisher) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	out := append(s.lines.take(), say(event.ServerOffline, event.Offline{Reason: "stopped", ShutdownTime: time.Now().UTC().Truncate(time.Millisecond)}))
	return s.publish(ctx, log, out)
}

func seconds(d time.Duration) event.Number { return event.Num(d.Truncate(time.Millisecond).Seconds()) }

// payload is an event of this machine before it has a server and a time.
type payload struct {
	at    time.Time // zero: now
	draft event.Draft
	err   error
}

func say[T any](k event.Kind[T], v T) payload {
	d, err := k.Draft("", v)
	return payload{draft: d, err: err}
}

// publish appends the payloads in order. What went wrong with the record is told once, until it works again.
func (s *Source) publish(ctx context.Context, log Publisher, out []payload) error {
	if len(out) == 0 {
		return nil
	}
	now := time.Now()
	events := make([]event.Event, 0, len(out))
	for _, p := range out {
		e, err := p.event(s.c.Server, now)
		if err != nil {
			s.c.Logger.Warn("not published", "type", p.draft.Type, "error", err)
			continue
		}
		events = append(events, e)
	}
	_, err := log.Append(ctx, events)
	switch {
	case err == nil:
		if s.failing {
			s.failing = false
			s.c.Logger.Info("this machine is being recorded again")
		}
		return nil
	case errors.Is(err, journal.ErrClosed):
		return fmt.Errorf("host: publish: %w", err)
	case ctx.Err() != nil && context.Cause(ctx) != context.DeadlineExceeded:
		return nil // ended in the middle: Run says its last word next
	}
	if !s.failing {
		s.failing = true
		s.c.Logger.Error("this machine is not being recorded", "error", err)
	}
	return nil
}

func (p payload) event(server string, now time.Time) (event.Event, error) {
	if p.err != nil {
		return event.Event{}, p.err
	}
	if !p.at.IsZero() {
		now = p.at
	}
	p.draft.Source = source
	return p.draft.Event(server, now)
}
