package flood

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// publisher publishes the events of its topics, which are its alone: so their numbers are recorded in order. It sends one
// request at a time.
type publisher struct {
	s      *session
	index  int
	topics []uint32
	last   [][classes]uint64 // by place in topics: the numbers given out, by class
	turn   int               // of topics
	count  uint64            // events given out, ever
	body   []byte
	client http.Client

	published atomic.Uint64 // events that were accepted
	requests  atomic.Uint64
	held      time.Duration // how long it was behind its schedule when it ended
}

func newPublisher(s *session, index int) *publisher {
	p := &publisher{s: s, index: index}
	for t := index; t < s.o.Topics; t += s.o.Publishers {
		p.topics = append(p.topics, uint32(t))
	}
	p.last = make([][classes]uint64, len(p.topics))
	var dialer net.Dialer
	p.client = http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", s.addr.String())
		},
		DisableCompression: true,
	}}
	return p
}

// class chooses the class of the next event, so that the shares are kept in every hundred.
func (p *publisher) class() event.Class {
	switch n := int(p.count * 37 % 100); {
	case n < p.s.o.Samples:
		return event.Sample
	case n < p.s.o.Samples+p.s.o.Lines:
		return event.Line
	}
	return event.State
}

// run publishes until ctx ends. It returns an error when the server would take no more. What is under way when ctx ends is
// finished.
func (p *publisher) run(ctx context.Context) error {
	defer p.client.CloseIdleConnections()
	if p.s.o.Rate == 0 {
		return p.flatOut(ctx)
	}
	each := time.Duration(float64(time.Second) * float64(p.s.o.Batch*p.s.o.Publishers) / p.s.o.Rate) // from one request to the next
	began := time.Now().Add(each * time.Duration(p.index) / time.Duration(p.s.o.Publishers))
	timer := time.NewTimer(time.Until(began))
	defer timer.Stop()
	for i := time.Duration(0); ; i++ {
		due := began.Add(i * each)
		p.held = time.Since(due)
		if p.held < 0 {
			timer.Reset(-p.held)
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := p.send(ctx, p.s.o.Batch, int64(due.Sub(p.s.start))); err != nil {
			return err
		}
	}
}

// flatOut publishes as fast as the subscribers take it.
func (p *publisher) flatOut(ctx context.Context) error {
	defer context.AfterFunc(ctx, p.s.gate.open)()
	ahead := int64(p.s.o.Window) * int64(max(1, p.s.o.Connections/p.s.o.Topics))
	for {
		p.s.gate.wait(func() bool { return p.s.due.Load()-p.s.fresh.Load() < ahead })
		if ctx.Err() != nil {
			return nil
		}
		if err := p.send(ctx, p.s.o.Batch, p.s.now()); err != nil {
			return err
		}
	}
}

// send publishes n events that were due at a time on the run's clock, again where the server asks for patience.
func (p *publisher) send(ctx context.Context, n int, due int64) error {
	p.body = p.body[:0]
	readers := int64(0)
	for range n {
		topic := p.topics[p.turn]
		class := p.class()
		last := &p.last[p.turn][class]
		*last++
		p.body = appendDraft(p.body, mark{p.s.run, class, topic, *last, due}, p.s.o.Size)
		p.turn = (p.turn + 1) % len(p.topics)
		p.count++
		readers += int64(p.s.readersOf(topic))
	}
	p.s.due.Add(readers)
	for {
		again, err := p.post(ctx)
		if err != nil {
			return err
		}
		if again == 0 {
			p.published.Add(uint64(n))
			return nil
		}
		timer := time.NewTimer(again)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("flood: publish: %w", ctx.Err())
		case <-timer.C:
		}
	}
}

// errHeld ends a run whose events would be counted as lost.
var errHeld = errors.New("flood: the server holds samples back that come too often, as it should: start it with --throttle=0 to measure it with samples")

// post sends the body. When the server asks for patience, it returns how long.
func (p *publisher) post(ctx context.Context) (again time.Duration, err error) {
	url := p.s.url.JoinPath("/api/events").String()
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, url, bytes.NewReader(p.body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	answer, err := p.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("flood: publish: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 8<<20))
	if err != nil {
		return 0, fmt.Errorf("flood: publish: read the answer: %w", err)
	}
	p.requests.Add(1)
	switch answer.StatusCode {
	case http.StatusAccepted:
		if bytes.Contains(text, []byte(`"held":true`)) {
			return 0, errHeld
		}
		p.s.place(text)
		return 0, nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return 100 * time.Millisecond, nil
	}
	return 0, fmt.Errorf("flood: publish: the answer was %s: %.200s", answer.Status, text)
}

// place keeps the place of the newest event in an answer to a publisher. Places are read by looking for the last one:
// the answers of a flood are too many to be decoded.
func (s *session) place(answer []byte) {
	const before = `"id":"`
	i := bytes.LastIndex(answer, []byte(before))
	if i < 0 {
		return
	}
	if id, _, ok := bytes.Cut(answer[i+len(before):], []byte{'"'}); ok {
		text := string(id)
		s.lastPlace.Store(&text)
	}
}

// readersOf returns how many regular followers a topic has.
func (s *session) readersOf(topic uint32) int {
	n := s.o.Connections / s.o.Topics
	if int(topic) < s.o.Connections%s.o.Topics {
		n++
	}
	return n
}

// storm lets connections come and go until ctx ends. Some come fresh, some where the newest event is.
func (s *session) storm(ctx context.Context) {
	const tick = 20 * time.Millisecond
	t := time.NewTicker(tick)
	defer t.Stop()
	begun := time.Now()
	for i := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		for want := int(time.Since(begun).Seconds() * float64(s.o.Storm)); i < want; i++ {
			f := &follower{lane: s.lanes[i%len(s.lanes)], topic: uint32(i % s.o.Topics), kind: passing}
			if place := s.lastPlace.Load(); place != nil && i%2 == 0 {
				f.idLen = copy(f.id[:], *place)
			}
			s.connect(ctx, f)
		}
	}
}
