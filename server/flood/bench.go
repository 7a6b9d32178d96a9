package flood

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Bench measures servers, one after the other, and reports.
type Bench struct {
	Target    *Target        // a server that runs; nil: one of our own for each measurement
	ServeArgs []string       // flags for the servers that are started
	Progress  func(Progress) // nil: nobody looks

	small int // what the sizes of presets are divided by, for tests; 0: nothing
}

// of returns a preset's size, as small as tests want it.
func (b *Bench) of(n int) int { return max(1, n/max(1, b.small)) }

// Ours is the name of the server that is measured, where it is one of our own.
const Ours = "telltale"

// Compare puts a load on the server, and the same load on each baseline.
func (b *Bench) Compare(ctx context.Context, o Load, baselines ...string) (*Report, error) {
	rep := NewReport("")
	for _, name := range append([]string{Ours}, baselines...) {
		r, err := b.measure(ctx, name, o)
		if r != nil {
			rep.Results = append(rep.Results, r)
		}
		if err != nil {
			return rep, err
		}
	}
	return rep, rep.Failed()
}

// measure starts the server of the name where need be, puts it under load, and stops it.
func (b *Bench) measure(ctx context.Context, name string, o Load) (r *Result, err error) {
	if o.Gzip && name != Ours {
		o.Gzip = false // they have none
	}
	err = b.with(ctx, name, func(t Target) error {
		r, err = Measure(ctx, t, o, b.Progress)
		return err
	})
	return r, err
}

// with calls f with a server of the name, which is stopped after that.
func (b *Bench) with(ctx context.Context, name string, f func(Target) error) (err error) {
	if name == Ours && b.Target != nil {
		return f(*b.Target)
	}
	c, err := b.start(ctx, name, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	return f(c.Target)
}

// server is a child with the folder of its record.
type server struct {
	*Child
	dir   string
	close func() error
}

func (s *server) stop() error { return errors.Join(s.Child.Stop(), s.close()) }

// start starts a server of the name. The record is in dir; where that is empty, in a folder that stop removes.
func (b *Bench) start(ctx context.Context, name, dir string) (*server, error) {
	if name != Ours {
		c, _, err := Start(ctx, Target{Name: name, Bare: true}, 1, "flood-baseline", name)
		if err != nil {
			return nil, err
		}
		c.GC = c.URL + "/gc"
		return &server{Child: c, close: func() error { return nil }}, nil
	}
	s := &server{dir: dir, close: func() error { return nil }}
	if dir == "" {
		tmp, err := os.MkdirTemp("", "telltale-flood-")
		if err != nil {
			return nil, fmt.Errorf("flood: %w", err)
		}
		s.dir, s.close = tmp, func() error { return os.RemoveAll(tmp) }
	}
	args := append([]string{"serve", "--listen=127.0.0.1:0", "--data=" + s.dir, "--no-host", "--log-level=warn"}, keepAll...)
	args = append(append(args, adminArgs...), b.ServeArgs...)
	c, said, err := Start(ctx, Target{Name: name}, 1+len(adminArgs), args...)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	for _, line := range said[1:] {
		if admin, ok := strings.CutPrefix(line, "admin "); ok {
			c.GC = admin + "/gc"
		}
	}
	s.Child = c
	return s, nil
}

// keepAll has the server leave nothing out of the record and keep all of it for the time of a measurement: each event is
// counted. What a slow connection is not sent is the stream's own affair.
var keepAll = []string{"--throttle=0", "--debounce=0", "--state-bytes=4GiB", "--sample-bytes=4GiB", "--line-bytes=4GiB"}

// adminArgs has the server open its admin address, and say on a second line where it is.
var adminArgs = []string{"--admin=127.0.0.1:0"}
