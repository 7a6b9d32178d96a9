//go:build compare

// Compare measures Telltale's page of a server against a React page that does what dashboards commonly do, in one Chromium on
// this machine: `make bench-browser`.
//
// # What is measured
//
// Frames a second, by animation callbacks; how long after an event was due the frame came that shows it; and what the main
// thread worked, by its own CPU clock. Once with the CPU throttled four times at 5,000 events a second, and once not throttled at
// 20,000. Runs of the two pages take turns, each with a server of its own that has just been started, and the medians count.
//
// # What is fair
//
// Both pages have the same server with the same flags, the same events over the same stream of one server, the same Chromium
// and window, the same seconds to warm up, and the same probe. --throttle 0 has every sample recorded and sent: by default
// twenty a second of each metric would be left, for either page. A page that reads too slowly is thinned by the server, as any
// slow reader: then it has less to do, which is counted and shown. Nothing of the DevTools protocol that reports on a page is
// on while it is measured.
package main

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		stop()
		os.Exit(1)
	}
}

// A setting is what both pages are measured under.
type setting struct {
	name     string
	rate     int // events a second
	throttle int // how many times slower the CPU is made
}

var settings = []setting{
	{"CPU throttled four times, 5,000 events a second", 5_000, 4},
	{"not throttled, 20,000 events a second", 20_000, 1},
}

type options struct {
	binary, react, profile string
	rounds                 int
	warm, span             time.Duration
	only                   string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.StringVar(&o.binary, "telltale", "bin/telltale", "the `program` to measure")
	flags.StringVar(&o.react, "react", ".cache/compare/monitor.js", "the bundle of the React page")
	flags.StringVar(&o.profile, "profile", "", "write a CPU profile of Telltale's page to this `file`, for the DevTools, and measure nothing else")
	flags.StringVar(&o.only, "only", "", "measure one page alone: telltale or react")
	flags.IntVar(&o.rounds, "rounds", 3, "how often each page is measured under each setting")
	flags.DurationVar(&o.warm, "warm", 5*time.Second, "how long the load runs before measuring")
	flags.DurationVar(&o.span, "span", 10*time.Second, "how long is measured")
	if err := flags.Parse(args); err != nil {
		return err
	}
	bundle, err := os.ReadFile(o.react)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "telltale-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	browser, err := startChromium(dir)
	if err != nil {
		return err
	}
	err = measureAll(ctx, browser, o, []page{telltale{}, react{string(bundle)}}, dir, out)
	return errors.Join(err, browser.close())
}

// measureAll measures the pages in turn and writes what came of it, with what was wanted.
func measureAll(ctx context.Context, browser *chromium, o options, pages []page, dir string, out io.Writer) error {
	missed := false
	for i, set := range settings {
		results := make([][]result, len(pages))
		for round := range o.rounds {
			for k, p := range pages {
				if o.only != "" && o.only != p.name() {
					continue
				}
				r, err := measure(ctx, browser, o, p, set, filepath.Join(dir, fmt.Sprintf("data-%d-%d-%d", i, round, k)))
				if err != nil {
					return fmt.Errorf("%s, %s: %w", p.name(), set.name, err)
				}
				results[k] = append(results[k], r)
				fmt.Fprintf(os.Stderr, "%s: %s: %s\n", set.name, p.name(), r)
			}
		}
		if o.only != "" || o.profile != "" {
			continue
		}
		if !write(out, set, median(results[0]), median(results[1])) {
			missed = true
		}
	}
	if missed {
		return errors.New("not everything is as promised")
	}
	return nil
}

// measure opens the page at a server of its own, puts the load on, and measures it.
func measure(ctx context.Context, browser *chromium, o options, p page, set setting, data string) (r result, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.warm+o.span+time.Minute)
	defer cancel()
	s, err := serve(ctx, o.binary, data)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.stop(), os.RemoveAll(data)) }()
	l := &load{url: s.url, rate: set.rate}
	if err := l.post(ctx, []byte(story), "application/json"); err != nil {
		return r, err
	}
	t, err := browser.open(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, t.close(context.WithoutCancel(ctx))) }()
	if err := p.open(ctx, t, s.url); err != nil {
		return r, err
	}
	if err := t.call(ctx, "Emulation.setCPUThrottlingRate", map[string]any{"rate": set.throttle}, nil); err != nil {
		return r, err
	}

	l.began = time.Now().Add(100 * time.Millisecond)
	loading, done := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- l.run(loading) }()
	defer func() {
		done()
		if ended != nil {
			err = errors.Join(err, <-ended)
		}
	}()
	probing := fmt.Sprintf(`window.probing = {began: %d, rate: %d, batches: %d, cycle: %d, line: () => %s, cpu: () => %s, inFrame: %t}; %s`,
		l.began.UnixMilli(), set.rate, batches, cycle, p.line(), p.cpu(), p.inFrame(), probe)
	if err := t.eval(ctx, probing, nil); err != nil {
		return r, err
	}
	if err := t.call(ctx, "Performance.enable", map[string]any{"timeDomain": "threadTicks"}, nil); err != nil {
		return r, err
	}
	if err := pause(ctx, o.warm); err != nil {
		return r, err
	}
	if o.profile != "" {
		return r, profile(ctx, t, o.span, o.profile)
	}
	if err := t.eval(ctx, `probe.begin()`, nil); err != nil {
		return r, err
	}
	before, err := t.mainThread(ctx)
	if err != nil {
		return r, err
	}
	began := time.Now()
	if err := pause(ctx, o.span); err != nil {
		return r, err
	}
	after, err := t.mainThread(ctx)
	if err != nil {
		return r, err
	}
	r.Main = float64(after-before) / float64(time.Since(began))
	if err := t.eval(ctx, `probe.end()`, &r); err != nil {
		return r, err
	}
	due := int(time.Since(l.began).Seconds() * float64(set.rate))
	if err := t.eval(ctx, p.thinned(), &r.Thinned); err != nil {
		return r, err
	}
	done()
	err, ended = <-ended, nil
	r.Behind, r.Lag = l.behind, max(0, float64(due-r.Line)/float64(set.rate))
	return r, err
}

// profile has the page's main thread sampled for so long, and writes what DevTools read as a .cpuprofile.
func profile(ctx context.Context, t *tab, span time.Duration, file string) error {
	for _, method := range []string{"Profiler.enable", "Profiler.start"} {
		if err := t.call(ctx, method, nil, nil); err != nil {
			return err
		}
	}
	if err := pause(ctx, span); err != nil {
		return err
	}
	var got struct{ Profile rawJSON }
	if err := t.call(ctx, "Profiler.stop", nil, &got); err != nil {
		return err
	}
	return os.WriteFile(file, got.Profile, 0o644)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

//go:embed probe.js
var probe string

// server is one `telltale serve` on a free port.
type server struct {
	cmd *exec.Cmd
	url string
}

var printedURL = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// serve starts a server with an empty record in the folder data, and returns when it is ready.
func serve(ctx context.Context, binary, data string) (*server, error) {
	s := &server{cmd: exec.CommandContext(ctx, binary, "serve", "--listen", "127.0.0.1:0", "--no-host", "--throttle", "0", "--data", data, "--log-level", "error")}
	s.cmd.Stderr = os.Stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stdout)
	for s.url == "" && lines.Scan() {
		s.url = printedURL.FindString(lines.Text())
	}
	if s.url == "" {
		return nil, errors.Join(errors.New("telltale serve printed no URL"), s.stop())
	}
	return s, nil
}

// stop ends the server and waits until it has ended. What it says of that is of no interest here.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = s.cmd.Wait()
	return nil
}
