package flood

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Load says what is done to a server. Fill gives every field that is zero its default.
type Load struct {
	Connections int `json:"connections"`
	Topics      int `json:"topics"` // connection i follows topic i modulo Topics

	Rate       float64 `json:"rate"`  // events a second in all; 0: flat out
	Batch      int     `json:"batch"` // events in one publishing request
	Size       int     `json:"size"`  // bytes of one event's data, about
	Samples    int     `json:"samples"`
	Lines      int     `json:"lines"` // percent of the events that are samples, lines; the rest is state
	Publishers int     `json:"publishers"`
	Window     int     `json:"window"` // flat out: how many events publishers are ahead of the subscribers' average

	Slow     int `json:"slow"`     // connections beside the others that read SlowRate bytes a second
	SlowRate int `json:"slowRate"` // bytes a second
	Stalled  int `json:"stalled"`  // connections beside the others that read nothing while the load lasts
	Storm    int `json:"storm"`    // connections a second that come and go

	HTTP2    bool          `json:"http2"`
	Gzip     bool          `json:"gzip"`
	Duration time.Duration `json:"-"`
	Seconds  float64       `json:"seconds"` // Duration, for readers of the JSON
}

// Bounds of a Load. They are far above what one machine can do, and keep a slip of the finger from becoming an accident.
const (
	maxConnections = 100_000
	maxTopics      = 100_000
	maxBatch       = 10_000
	maxSize        = 64 << 10
	maxDuration    = time.Hour
	maxStorm       = 20_000
)

// Fill sets what is zero to its default and returns an error that names what is out of bounds.
func (l *Load) Fill() error {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.Topics, 1)
	def(&l.Size, 190)
	def(&l.SlowRate, 4<<10)
	def(&l.Publishers, min(16, max(1, l.Topics))) // enough that they wait for one commit together
	def(&l.Window, 1000)
	if l.Batch == 0 {
		l.Batch = 100
		if l.Rate > 0 { // some hundred requests a second at most
			l.Batch = min(100, max(1, int(l.Rate/100)))
		}
	}
	if l.Duration == 0 {
		l.Duration = 10 * time.Second
	}
	l.Seconds = l.Duration.Seconds()
	for _, b := range []struct {
		what        string
		v, min, max int
	}{
		{"connections", l.Connections, 0, maxConnections}, {"topics", l.Topics, 1, maxTopics}, {"batch", l.Batch, 1, maxBatch},
		{"size", l.Size, 0, maxSize}, {"samples", l.Samples, 0, 100}, {"lines", l.Lines, 0, 100 - min(100, max(0, l.Samples))},
		{"publishers", l.Publishers, 1, min(64, l.Topics)}, {"window", l.Window, 1, 1_000_000},
		{"slow", l.Slow, 0, maxConnections}, {"slow rate", l.SlowRate, 1, 1 << 30}, {"stalled", l.Stalled, 0, maxConnections},
		{"storm", l.Storm, 0, maxStorm},
	} {
		if b.v < b.min || b.v > b.max {
			return fmt.Errorf("flood: %s %d: want %d to %d", b.what, b.v, b.min, b.max)
		}
	}
	if l.Rate < 0 || l.Rate > 1e7 {
		return fmt.Errorf("flood: rate %v: want 0 (flat out) to 10 million events a second", l.Rate)
	}
	if l.Batch*(l.Size+200) > 3<<20 {
		return fmt.Errorf("flood: a batch of %d events of %d bytes is more than one request may hold", l.Batch, l.Size)
	}
	if l.Duration < 0 || l.Duration > maxDuration {
		return fmt.Errorf("flood: duration %v: want up to %v", l.Duration, maxDuration)
	}
	if l.Rate == 0 && l.Connections == 0 {
		return errors.New("flood: flat out is as fast as connections take it, and there is none: give a rate")
	}
	return nil
}

// Streams returns how many connections are open at the same time, storms included as far as they overlap.
func (l *Load) Streams() int {
	return l.Connections + l.Slow + l.Stalled + l.Storm*int(passingFor/time.Second)
}

// passingFor bounds how long a connection of a storm stays.
const passingFor = 2 * time.Second

// Target is a server to put under load.
type Target struct {
	Name string // in the report
	URL  string // "http://127.0.0.1:8080"
	PID  int    // its process, for CPU and memory; 0: not known
	GC   string // URL that collects garbage when posted to, so that memory is what is held; "": none
	Bare bool   // a baseline: no stream:* events, so a stream is live from its head on
}

// ErrNotLoopback is returned for a target that is not on this machine.
var ErrNotLoopback = errors.New("load stays on this machine")

// address returns the one loopback address of the target, and its URL.
func (t Target) address() (*net.TCPAddr, *url.URL, error) {
	u, err := url.Parse(t.URL)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, nil, fmt.Errorf(`flood: %q is not a target: want something like "http://127.0.0.1:8080"`, t.URL)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	ips, err := net.LookupIP(u.Hostname())
	if err != nil {
		return nil, nil, fmt.Errorf("flood: %w", err)
	}
	for _, ip := range ips {
		if !ip.IsLoopback() {
			return nil, nil, fmt.Errorf("flood: %s is %s: %w, so the target must be 127.0.0.1, [::1] or localhost; reach a server elsewhere by running flood there",
				u.Hostname(), ip, ErrNotLoopback)
		}
	}
	addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(ips[0].String(), port))
	if err != nil {
		return nil, nil, fmt.Errorf("flood: %w", err)
	}
	return addr, u, nil
}

// streamPath is where a topic is followed.
func streamPath(base *url.URL, topic uint32) string {
	return strings.TrimSuffix(base.EscapedPath(), "/") + "/api/servers/" + topicName(topic) + "/events"
}

// streamRequest appends the request of a stream over HTTP/1.1.
func streamRequest(b []byte, base *url.URL, f *follower) []byte {
	b = append(b, "GET "+streamPath(base, f.topic)+" HTTP/1.1\r\nHost: "+base.Host+"\r\nAccept: text/event-stream\r\n"...)
	if id := f.lastID(); id != "" {
		b = append(b, "Last-Event-ID: "+id+"\r\n"...)
	}
	return append(b, "\r\n"...)
}

// streamHeader is the same for net/http.
func streamHeader(f *follower, gzip bool) http.Header {
	h := http.Header{"Accept": {"text/event-stream"}}
	if gzip {
		h.Set("Accept-Encoding", "gzip")
	}
	if id := f.lastID(); id != "" {
		h.Set("Last-Event-ID", id)
	}
	return h
}
