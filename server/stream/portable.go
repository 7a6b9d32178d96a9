package stream

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"
)

// A sink takes what a stream writes. It returns an error when not all was taken within the time.
type sink interface {
	write(o *outbox, within time.Duration) error
}

// responseSink writes through net/http, whatever the protocol.
type responseSink struct {
	w      http.ResponseWriter
	rc     *http.ResponseController
	sooner *sooner // nil: nobody can end the stream
}

func (s *responseSink) write(o *outbox, within time.Duration) error {
	if by := time.Now().Add(within); s.sooner != nil {
		s.sooner.deadline(by)
	} else {
		_ = s.rc.SetWriteDeadline(by)
	}
	if _, err := s.w.Write(o.lead); err != nil {
		return err
	}
	for _, b := range o.body {
		if _, err := s.w.Write(b); err != nil {
			return err
		}
	}
	if _, err := s.w.Write(o.tail); err != nil {
		return err
	}
	return s.rc.Flush()
}

// portable writes one stream from one goroutine.
type portable struct {
	*talk
	sink   sink
	sooner *sooner // nil: nobody can end the stream
}

// run writes until the stream is over, and returns why. The reader is gone when ctx ends.
func (p *portable) run(ctx context.Context) Reason {
	if s, ok := p.sink.(*responseSink); ok {
		_ = s.rc.SetReadDeadline(time.Time{}) // a stream may last longer than any request takes to arrive
	}
	var o outbox
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	closing := p.s.closing
	var sooner chan struct{}
	if p.sooner != nil {
		sooner = p.sooner.wake
	}
	for {
		now := p.s.now()
		switch v := p.turn(&o, now); v {
		case says:
			if err := p.sink.write(&o, p.s.o.Stuck); err != nil {
				if p.heed(); p.over {
					return p.why
				}
				if errors.Is(err, os.ErrDeadlineExceeded) || p.s.now()-now >= p.s.o.Stuck {
					return Slow
				}
				return Gone
			}
			p.held = p.held || p.s.now()-now > heldAfter
			p.wrote(&o, o.size)
			o.reset()
			select {
			case <-closing:
				closing = nil
				p.close(Shutdown)
			default:
			}
			continue
		case behind:
			reading, stop := context.WithTimeout(ctx, p.s.o.Heartbeat/2) // and then a sign of life
			p.read(reading)
			stop()
		case ended:
			return p.why
		case silent, stalled:
			o.reset()
			alarm.Reset(max(0, min(p.beat, p.ends)-now))
			wake := p.cur.Wake()
			if v == stalled {
				wake = nil // there is something for it, which it can't have
			}
			select {
			case <-p.s.away.turned(p.pending, p.anew):
			case <-wake:
			case <-alarm.C:
			case <-sooner:
			case <-closing:
				closing = nil
				p.close(Shutdown)
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return Gone
		}
	}
}
