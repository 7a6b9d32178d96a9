package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

const (
	// hearFor is how long one reading waits for what is said: so long may the end of Run take where Redis does not answer.
	hearFor = time.Second
	// heardAtOnce bounds what one reading takes, and with it the answers that are under way.
	heardAtOnce = 16
	// clockAgain is how often the clock of Redis is looked at.
	clockAgain = time.Minute
	// againMost is how long it takes at most until a Redis that is back is listened to.
	againMost = time.Second
)

// place is how far an instance has heard.
type place struct {
	calls, endings string // the newest of each; "": nothing yet
	since          time.Time
	sure           bool // Redis is the one that gave these
	clocked        time.Time
}

// Run does and answers for this instance what others ask, and says what could not be said before, until ctx ends; then it returns ctx's error, within a second or two.
// What was said while Redis could not be reached is done when it can be again.
func (p *Peers) Run(ctx context.Context, local Local) error {
	at := &place{since: time.Now()}
	var saying sync.WaitGroup
	defer saying.Wait()
	saying.Go(func() { p.say(ctx) })
	for wait := time.Duration(0); ; {
		err := p.hear(ctx, local, at)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			wait = 0
			continue
		}
		at.sure = false
		wait = min(max(2*wait, 20*time.Millisecond), againMost)
		if !pause(ctx, wait) {
			return ctx.Err()
		}
	}
}

// pause waits, and reports false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// hear waits a moment for what is said, does it and answers.
func (p *Peers) hear(ctx context.Context, local Local, at *place) error {
	if err := awayNow(p.remote); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, hearFor+renewTime)
	defer cancel()
	if err := p.find(ctx, at); err != nil {
		return err
	}
	streams, err := p.redis.XRead(ctx, &goredis.XReadArgs{
		Streams: []string{p.endings(), p.calls(), at.endings, at.calls}, Count: heardAtOnce, Block: hearFor,
	}).Result()
	if errors.Is(err, goredis.Nil) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, s := range streams { // endings first: a question may be about what they leave
		if s.Stream == p.endings() {
			if err := p.look(ctx); err != nil { // the time of a sign-out is by that clock, which may have been set
				return err
			}
			for _, m := range s.Messages {
				at.endings = m.ID
				p.end(local, m)
			}
		}
	}
	var replies []answered
	for _, s := range streams {
		if s.Stream == p.calls() {
			for _, m := range s.Messages {
				at.calls = m.ID
				if a, ok := p.answer(local, m); ok {
					replies = append(replies, a)
				}
			}
		}
	}
	return p.reply(ctx, replies)
}

// find says from where on to hear. What was said since Run began is heard in any case. Where Redis knows of nothing as new as what was heard, it was emptied, or is another whose
// clock is behind: all that it has is new then.
func (p *Peers) find(ctx context.Context, at *place) error {
	if now := time.Now(); now.Sub(at.clocked) > clockAgain || !at.sure {
		if err := p.look(ctx); err != nil {
			return err
		}
		at.clocked = now
	}
	if at.sure {
		return nil
	}
	if at.calls == "" {
		began, err := p.clock.theirs(ctx, p.redis, at.since.Add(-clockError))
		if err != nil {
			return err
		}
		at.calls = fmt.Sprintf("%d-0", max(began, 0))
		at.endings = at.calls
		at.sure = true
		return nil
	}
	for key, last := range map[string]*string{p.calls(): &at.calls, p.endings(): &at.endings} {
		newest, err := p.redis.XRevRangeN(ctx, key, "+", "-", 1).Result()
		if err != nil {
			return err
		}
		if len(newest) == 0 || before(newest[0].ID, *last) {
			*last = "0-0"
		}
	}
	at.sure = true
	return nil
}

// look looks at the clock of Redis. An answer that took long says less than what is known.
func (p *Peers) look(ctx context.Context) error {
	asked := time.Now()
	theirs, err := p.redis.Time(ctx).Result()
	if err == nil && (time.Since(asked) <= clockError || !p.clock.known.Load()) {
		p.clock.tick(theirs.UnixMilli())
	}
	return err
}

// before compares the ids that Redis gives to what is in a list.
func before(a, b string) bool {
	am, as := idOf(a)
	bm, bs := idOf(b)
	return am < bm || am == bm && as < bs
}

func idOf(id string) (ms, seq uint64) {
	a, b, _ := strings.Cut(id, "-")
	ms, _ = strconv.ParseUint(a, 10, 64) // Redis gives no others
	seq, _ = strconv.ParseUint(b, 10, 64)
	return ms, seq
}

// end does what an ending says.
func (p *Peers) end(local Local, m goredis.XMessage) {
	var e ending
	if !read(m, &e) || e.From == p.members.ID() {
		return
	}
	switch {
	case e.Session != "":
		local.SignedOut(e.Session, p.clock.ours(e.At).Add(reopened))
	case e.ID != "":
		local.EndSession(e.User, e.All, e.ID)
	}
}

// answered is an answer, and where it goes.
type answered struct {
	key string
	reply
}

// answer answers a question, unless nobody waits for that.
func (p *Peers) answer(local Local, m goredis.XMessage) (a answered, ok bool) {
	var c call
	if !read(m, &c) || c.From == p.members.ID() || !strings.HasPrefix(c.Reply, p.prefix) || time.Now().After(p.clock.ours(c.Until)) {
		return a, false
	}
	a = answered{c.Reply, reply{From: p.members.ID()}}
	if c.End != "" {
		a.Ended = local.EndSession(c.User, c.All, c.End)
	} else {
		a.Sessions = local.Sessions(c.User, c.All, c.Most)
	}
	return a, true
}

func (p *Peers) reply(ctx context.Context, replies []answered) error {
	for _, a := range replies {
		if err := p.add(ctx, a.key, a.reply, maxCalls, repliesFor); err != nil {
			return err
		}
	}
	return nil
}

// say tells Redis what it would not take before, until ctx ends and then once more. What nobody could be told for as long as it would be kept is given up.
func (p *Peers) say(ctx context.Context) {
	for {
		select {
		case <-p.wake:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
			defer cancel()
			p.sayAll(last)
			if awayNow(p.remote) == nil { // a word to itself, so that hear need not wait until something is said
				_ = p.add(last, p.calls(), call{From: p.members.ID()}, maxCalls, callsFor)
			}
			return
		}
		for !p.sayAll(ctx) && pause(ctx, againMost) {
		}
	}
}

// sayAll reports whether nothing is left to be said.
func (p *Peers) sayAll(ctx context.Context) bool {
	for {
		p.mu.Lock()
		if len(p.unsaid) == 0 {
			p.unsaid = nil
			p.mu.Unlock()
			return true
		}
		e := p.unsaid[0]
		p.mu.Unlock()
		if time.Since(e.at) < endingsFor && p.record(ctx, e) != nil {
			return false
		}
		p.mu.Lock()
		p.unsaid = p.unsaid[1:] // others only append
		p.mu.Unlock()
	}
}
