package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/server/journal"
)

// refused reports that Redis itself answered with an error: what was asked was not done.
func refused(err error) bool {
	_, ok := errors.AsType[goredis.Error](err)
	return ok && !errors.Is(err, goredis.Nil)
}

// passing lists the beginnings of errors of Redis that go by by themselves: it is still reading its file, another is about to take
// its place, a script of somebody else's runs.
var passing = []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "BUSY", "NOREPLICAS", "UNKILLABLE", "UNBLOCKED", "EXPIRED",
	"max number of clients"}

// errTrust says that whoever answers has no certificate that is good. Only Open takes that for final: later it is a Redis that is away, until it has one.
var errTrust = errors.New("its certificate is not good")

// trusted marks an error as errTrust if it is one.
func trusted(err error) error {
	if _, bad := errors.AsType[*tls.CertificateVerificationError](err); bad {
		return fmt.Errorf("%w: %w", errTrust, err)
	}
	return err
}

// passes reports that trying again soon makes sense.
func passes(err error) bool {
	if errors.Is(err, errAnswer) || errors.Is(err, errRecord) || errors.Is(err, errTrust) {
		return false
	}
	if !refused(err) {
		return true // the network
	}
	for _, p := range passing {
		if goredis.HasErrorPrefix(err, p) {
			return true
		}
	}
	return false
}

// denied reports that Redis is there and does not do what it is asked, and that this lasts until somebody changes something: a
// password, what its user may do, a key that is not of this record's making.
func denied(err error) bool { return refused(err) && !passes(err) }

// away reports that the error says that there is no Redis to talk to; in others it is there and does not want to.
func away(err error) bool {
	if err == nil || !passes(err) || errors.Is(err, errReplicas) {
		return false
	}
	for _, p := range [...]string{"BUSY", "EXPIRED", "NOREPLICAS"} {
		if goredis.HasErrorPrefix(err, p) {
			return false
		}
	}
	return true
}

// errReplicas says that too few replicas have what was written.
var errReplicas = errors.New("too few replicas have it")

// backoff says how long to wait before the next attempt: from 20 ms on, doubled up to a bound, each with jitter, so that
// instances which lost their Redis at the same moment do not come back in step.
type backoff struct{ next, most time.Duration }

func (b *backoff) delay() time.Duration {
	b.next = min(max(2*b.next, 20*time.Millisecond), b.most)
	return b.next/2 + rand.N(b.next/2+1)
}

func (b *backoff) reset() { b.next = 0 }

// pause waits, and reports false when ctx ended or the log closed first.
func (l *Log) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-l.closing:
	}
	return false
}

// attempt is how long one try may take of all the time there is: half, so that there is a second one, over another connection,
// when the first was lost on the way.
func (l *Log) attempt() time.Duration { return max(l.timeout/2, 50*time.Millisecond) }

// ask does something that may be done again, such as reading, until it succeeds or the time is over, which is an ErrUnavailable. So is what
// Redis denies, after a breath: who asks again at once is not to do so all the time.
func (l *Log) ask(ctx context.Context, op func(context.Context) error) error {
	err := l.askFor(ctx, l.timeout, op)
	if denied(err) {
		l.pause(ctx, breath)
		return fmt.Errorf("%w: %w", journal.ErrUnavailable, err)
	}
	return err
}

// breath is how long a denial takes at least.
const breath = 100 * time.Millisecond

func (l *Log) askFor(ctx context.Context, limit time.Duration, op func(context.Context) error) error {
	deadline := time.Now().Add(limit)
	wait := backoff{most: 500 * time.Millisecond}
	for {
		if err := l.alive(ctx); err != nil {
			return err
		}
		try, cancel := context.WithDeadline(ctx, earlier(time.Now().Add(l.attempt()), deadline))
		err := op(try)
		cancel()
		if err == nil || errors.Is(err, journal.ErrGone) {
			return err
		}
		if err := l.alive(ctx); err != nil {
			return err
		}
		if !passes(err) {
			return fmt.Errorf("%s: %w", l.where, err)
		}
		d := wait.delay()
		if time.Now().Add(d).After(deadline) {
			return fmt.Errorf("%w: %s: %w", journal.ErrUnavailable, l.where, plain(err))
		}
		l.pause(ctx, d)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// plain takes what a caller could mistake for its own context's end out of an error.
func plain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return errors.New("no answer in time")
	}
	return err
}

// node returns the server that holds the record.
func (l *Log) node(ctx context.Context) (*goredis.Client, error) {
	switch c := l.client.(type) {
	case *goredis.ClusterClient:
		return c.MasterForKey(ctx, l.keys[keyMeta])
	case *goredis.Client:
		return c, nil
	}
	return nil, fmt.Errorf("a client of type %T", l.client)
}

// A line is one connection that is kept for what changes the record, so that it is known whether anything was sent at all, and so
// that replicas can be waited for: WAIT speaks of what its own connection wrote. It is for one goroutine.
type line struct {
	log  *Log
	conn *goredis.Conn
}

// errUnsent marks errors before which nothing was sent.
var errUnsent = errors.New("could not connect")

// call runs a script once. With an error that is neither errUnsent nor refused it is open whether the script ran.
func (n *line) call(ctx context.Context, s *goredis.Script, args []any) (any, error) {
	if n.conn == nil {
		node, err := n.log.node(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUnsent, err)
		}
		conn := node.Conn()
		if err := conn.Ping(ctx).Err(); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("%w: %w", errUnsent, err)
		}
		n.conn = conn
	}
	answer, err := s.Run(ctx, n.conn, n.log.keys, args...).Result()
	if errors.Is(err, goredis.Nil) {
		err = nil
	}
	if err != nil && (!refused(err) || away(err)) {
		n.hangUp(err)
	}
	return answer, err
}

// replicated waits until as many replicas as asked for have what the line wrote.
func (n *line) replicated(ctx context.Context) error {
	want := n.log.replicas
	if want == 0 {
		return nil
	}
	if n.conn == nil {
		return errUnsent
	}
	limit := n.log.timeout
	if d, ok := ctx.Deadline(); ok {
		limit = max(time.Until(d)*3/4, time.Millisecond)
	}
	got, err := n.conn.Wait(ctx, want, limit).Result()
	if err != nil {
		n.hangUp(err)
		return err
	}
	if int(got) < want {
		return fmt.Errorf("%w: %d of %d", errReplicas, got, want)
	}
	return nil
}

func (n *line) hangUp(err error) {
	if n.conn == nil {
		return
	}
	_ = n.conn.Close() // it is given up in any case
	n.conn = nil
	if c, ok := n.log.client.(*goredis.ClusterClient); ok && err != nil {
		c.ReloadState(context.Background())
	}
}

// The scripts answer with arrays of texts.

func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, len(list))
	for i, x := range list {
		switch x := x.(type) {
		case string:
			out[i] = x
		case int64:
			out[i] = strconv.FormatInt(x, 10)
		}
	}
	return out
}

var errAnswer = errors.New("an answer that makes no sense")

// number reads a number that scripts or hashes hold; nothing is 0.
func number(v any) (uint64, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case int64:
		return uint64(v), nil
	case string:
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: %.40q", errAnswer, v)
		}
		return n, nil
	}
	return 0, fmt.Errorf("%w: %T", errAnswer, v)
}

// unsent reports that nothing of what was to be done can have reached Redis.
func unsent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return errors.Is(err, errUnsent) || ok && op.Op == "dial"
}

// expired returns Redis's clock when it says that a batch came too late.
func expired(err error) (ms int64, ok bool) {
	if err == nil || !goredis.HasErrorPrefix(err, "EXPIRED ") {
		return 0, false
	}
	text := err.Error()
	_, text, _ = strings.Cut(text[strings.Index(text, "EXPIRED "):], " ")
	text, _, _ = strings.Cut(text, " ")
	ms, perr := strconv.ParseInt(text, 10, 64)
	return ms, perr == nil
}
