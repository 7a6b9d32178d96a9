package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/server/flood"
)

// floodCmd puts a server under load.
type floodCmd struct {
	Preset string `placeholder:"NAME" help:"A load with a name, and what it is measured against; the flags for the load are ignored then, except --duration. See --list."`
	List   bool   `help:"List the presets."`

	Connections int           `short:"c" default:"1000" help:"Connections. Default: ${default}."`
	Topics      int           `short:"t" default:"1" help:"Topics, which are servers: connection i follows topic i modulo this. Default: ${default}."`
	Rate        float64       `short:"r" default:"0" help:"Events a second in all. 0: flat out, as fast as the connections take them. Default: ${default}."`
	Batch       int           `default:"0" help:"Events in one publishing request. Default: 100, fewer at low rates."`
	Size        int           `default:"190" help:"Bytes of an event's data, about. Default: ${default}."`
	Samples     int           `default:"0" help:"Percent of the events that are metrics. Default: ${default}."`
	Lines       int           `default:"0" help:"Percent of the events that are log lines; the rest is state. Default: ${default}."`
	Publishers  int           `default:"0" help:"Publishing connections, at most one for each topic. Default: 16."`
	Window      int           `default:"1000" help:"Flat out: how many events publishers may be ahead. Default: ${default}."`
	Slow        int           `default:"0" help:"Connections beside the others that read slowly. Default: ${default}."`
	SlowRate    int           `default:"4096" help:"Bytes a second that a slow connection reads. Default: ${default}."`
	Stalled     int           `default:"0" help:"Connections beside the others that read nothing until the load is over. Default: ${default}."`
	Storm       int           `default:"0" help:"Connections a second that come and go. Default: ${default}."`
	Duration    time.Duration `short:"d" default:"0" help:"How long events are published. Default: 10s, or the preset's."`
	HTTP2       bool          `name:"http2" help:"HTTP/2 without TLS instead of HTTP/1.1, where the server speaks it."`
	Gzip        bool          `name:"accept-gzip" help:"Ask for gzip."`

	URL      string   `name:"target" placeholder:"URL" help:"A server that runs already, on this machine. Default: one of its own, with a record that is thrown away."`
	PID      int      `name:"pid" placeholder:"PID" help:"The process of that server, to measure its CPU and memory."`
	Admin    string   `name:"target-admin" placeholder:"URL" help:"The admin address of that server, to measure its memory after a forced collection."`
	Baseline []string `placeholder:"NAME" sep:"," help:"Put the same load on a baseline too: naive (a goroutine and a channel for each subscriber), write (one write for each subscriber and event)."`
	JSON     bool     `name:"json" help:"The report as JSON."`
	Serve    []string `name:"serve-flag" placeholder:"FLAG" sep:"none" help:"A flag for the server that is started, such as --serve-flag=--heartbeat=1s. May be given more than once."`
}

// Run measures and prints. It fails where an event was lost, doubled or out of order.
func (c *floodCmd) Run(p *program) error {
	if c.List {
		return flood.List(p.stdout)
	}
	bench := &flood.Bench{ServeArgs: c.Serve, Progress: progressTo(p.stderr)}
	if c.URL != "" {
		target := flood.Target{Name: "target", URL: c.URL, PID: c.PID}
		if c.Admin != "" {
			target.GC = strings.TrimSuffix(c.Admin, "/") + "/gc"
		}
		bench.Target = &target
	}
	var report *flood.Report
	var err error
	if c.Preset != "" {
		report, err = bench.Preset(p.ctx, c.Preset, c.Duration)
	} else {
		report, err = bench.Compare(p.ctx, flood.Load{
			Connections: c.Connections, Topics: c.Topics, Rate: c.Rate, Batch: c.Batch, Size: c.Size, Samples: c.Samples, Lines: c.Lines,
			Publishers: c.Publishers, Window: c.Window, Slow: c.Slow, SlowRate: c.SlowRate, Stalled: c.Stalled, Storm: c.Storm,
			Duration: c.Duration, HTTP2: c.HTTP2, Gzip: c.Gzip,
		}, c.Baseline...)
	}
	if report == nil || len(report.Results)+len(report.Checks) == 0 {
		return err
	}
	if errors.Is(err, context.Canceled) && p.ctx.Err() != nil {
		err = nil // cut short by whoever watched; what there is counts
	}
	if c.JSON {
		enc := json.NewEncoder(p.stdout)
		enc.SetIndent("", "  ")
		return errors.Join(err, enc.Encode(report))
	}
	return errors.Join(err, report.Write(p.stdout))
}

// progressTo returns what writes progress to a terminal, or nil where nobody looks.
func progressTo(w io.Writer) func(flood.Progress) {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func(p flood.Progress) { fmt.Fprintln(w, p) }
}

// baselineCmd is a server to compare with. It is not for people: flood starts it.
type baselineCmd struct {
	Name   string `arg:"" enum:"naive,write" help:"naive or write."`
	Listen string `default:"127.0.0.1:0" help:"Address to listen on."`
}

func (c *baselineCmd) Run(p *program) error {
	ln, err := listen(c.Listen)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(p.stdout, "http://"+ln.Addr().String()); err != nil {
		return errors.Join(err, ln.Close())
	}
	return flood.ServeBaseline(p.ctx, c.Name, ln)
}
