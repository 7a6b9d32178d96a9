package cluster

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/limit"
)

const (
	// maxEndings bounds the endings that are kept, and endingsFor is for how long after the newest: so long may an instance have been cut off
	// and still do what it was told.
	maxEndings = 10_000
	endingsFor = time.Hour
	// maxCalls and callsFor are the same of calls, for whose answers nobody waits longer than askTime.
	maxCalls = 1000
	callsFor = time.Minute
	// repliesFor is how long answers are kept that nobody has read.
	repliesFor = 2 * askTime
	// asking bounds the questions of one instance under way: each keeps a connection of those that leases need too.
	asking = 4
	// maxUnsaid bounds the endings that wait here for a Redis that is away.
	maxUnsaid = 1000
	// reopened is by how much a stream may seem to have been opened after the sign-out that ends it: what the clocks of three machines may disagree
	// by. Nobody signs in again and opens a page within that time.
	reopened = time.Second
	// mayHold is how long after it was last heard of an instance may still have leases: as long as those last, and a little.
	mayHold = 20 * time.Second
)

// Local is what an instance knows and does of its own streams. Its methods are called one at a time and must not wait.
type Local interface {
	// Sessions returns at most so many open streams of a user, or with all of everybody, the oldest first.
	Sessions(user string, all bool, most int) []limit.Session
	// EndSession ends one open stream of a user, or with all of whoever has it, and reports whether there was one.
	EndSession(user string, all bool, id string) bool
	// SignedOut ends what the session of a browser had open until then. What names a session is the caller's of SignOut.
	SignedOut(session string, until time.Time)
}

// Session is one open stream, and the instance that has it.
type Session struct {
	limit.Session
	Instance string
}

// Others is what the other instances said of their streams.
type Others struct {
	Sessions []Session // in no order
	Silent   []string  // instances that live, as far as is known, and did not answer
	// Unlisted counts streams that the limit counts and nobody lists: of an instance that is gone until their leases run out, or of one
	// that is silent. Of one user only.
	Unlisted int
}

// Peers reach the streams of the other instances. Make them with NewPeers.
type Peers struct {
	redis   goredis.UniversalClient
	prefix  string
	remote  journal.Remote // nil: never away
	members *Members
	leases  *Leases
	clock   clock
	turns   chan struct{} // a token for each question under way

	mu     sync.Mutex // guards what follows
	unsaid []ending   // could not be recorded yet
	wake   chan struct{}
}

// call is a question to all instances. Fields may be added.
type call struct {
	From  string // the instance that asks
	Reply string // the list of answers
	Until int64  // nobody waits for an answer after that; Redis's clock, milliseconds
	User  string `json:",omitempty"`
	All   bool   `json:",omitempty"`
	Most  int    `json:",omitempty"`
	End   string `json:",omitempty"` // the stream that is to be ended; "": they are to be listed
}

// reply is an answer to it.
type reply struct {
	From     string
	Sessions []limit.Session `json:",omitempty"`
	Ended    bool            `json:",omitempty"`
}

// ending is what every instance is told to end, now or when it is back: what a session had open, or one stream.
type ending struct {
	From    string
	At      int64  // Redis's clock, milliseconds
	Session string `json:",omitempty"`
	ID      string `json:",omitempty"`
	User    string `json:",omitempty"`
	All     bool   `json:",omitempty"`

	at time.Time
}

// NewPeers returns what reaches the others under keys that begin with the prefix. The client stays the caller's. Members say whom there is to wait for, leases
// which streams count.
func NewPeers(client goredis.UniversalClient, prefix string, remote journal.Remote, members *Members, leases *Leases) *Peers {
	return &Peers{redis: client, prefix: prefix, remote: remote, members: members, leases: leases, turns: make(chan struct{}, asking), wake: make(chan struct{}, 1)}
}

func (p *Peers) calls() string   { return p.prefix + "calls" }
func (p *Peers) endings() string { return p.prefix + "endings" }

// Sessions asks the others for their open streams of a user, or with all of everybody, for a second at most: each answers with so many at most.
// Own are the ids of this instance's. An error means that nobody could be asked.
func (p *Peers) Sessions(ctx context.Context, user string, all bool, most int, own []string) (Others, error) {
	var o Others
	got, silent, lost, err := p.ask(ctx, call{User: user, All: all, Most: most}, func(reply) bool { return false })
	if err != nil {
		return o, fmt.Errorf("cluster: ask for streams: %w", err)
	}
	o.Silent = silent
	listed := make(map[string]bool)
	for _, id := range own {
		listed[id] = true
	}
	for _, r := range got {
		for _, s := range r.Sessions {
			if !listed[s.ID] {
				listed[s.ID] = true
				o.Sessions = append(o.Sessions, Session{s, r.From})
			}
		}
	}
	if !all && user != "" && (len(silent) > 0 || lost) {
		held, err := p.leases.held(ctx, user, most)
		if err != nil {
			return o, fmt.Errorf("cluster: ask for streams: %w", err)
		}
		for _, id := range held {
			if !listed[id] {
				o.Unlisted++
			}
		}
	}
	return o, nil
}

// End ends one stream of a user's, or with all of anybody's, at another instance. Later is true where an instance that may have it did not answer: it is told
// when it is back. An error means that nobody could be asked.
func (p *Peers) End(ctx context.Context, user string, all bool, id string) (ended, later bool, err error) {
	got, silent, lost, err := p.ask(ctx, call{User: user, All: all, End: id}, func(r reply) bool { return r.Ended })
	if err != nil {
		return false, false, fmt.Errorf("cluster: end a stream: %w", err)
	}
	if slices.ContainsFunc(got, func(r reply) bool { return r.Ended }) {
		return true, false, nil
	}
	if len(silent) == 0 && !lost {
		return false, false, nil
	}
	if !all && user != "" { // no room is taken by ids that somebody has made up
		held, err := p.leases.held(ctx, user, maxEndings)
		if err != nil {
			return false, false, fmt.Errorf("cluster: end a stream: %w", err)
		}
		if len(held) > 0 && !slices.Contains(held, id) {
			return false, false, nil
		}
	}
	if err := p.record(ctx, ending{User: user, All: all, ID: id, at: time.Now()}); err != nil {
		return false, false, fmt.Errorf("cluster: end a stream: %w", err)
	}
	return false, true, nil
}

// SignOut has every other instance end what a session has open now, also one that can't be reached at present. It waits for a second at most;
// what Redis does not take by then Run tells it later.
func (p *Peers) SignOut(ctx context.Context, session string) {
	e := ending{Session: session, at: time.Now()}
	if p.record(context.WithoutCancel(ctx), e) == nil {
		return
	}
	p.mu.Lock()
	if len(p.unsaid) < maxUnsaid {
		p.unsaid = append(p.unsaid, e)
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// record has Redis keep an ending for all.
func (p *Peers) record(ctx context.Context, e ending) error {
	if err := awayNow(p.remote); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	err := p.look(ctx)
	if err != nil {
		return err
	}
	if e.At, err = p.clock.theirs(ctx, p.redis, e.at); err != nil {
		return err
	}
	e.From = p.members.ID()
	return p.add(ctx, p.endings(), e, maxEndings, endingsFor)
}

// add appends to a list that is bounded, and forgotten some time after the newest.
func (p *Peers) add(ctx context.Context, key string, what any, most int64, lasts time.Duration) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	_, err = p.redis.Pipelined(ctx, func(pipe goredis.Pipeliner) error {
		pipe.XAdd(ctx, &goredis.XAddArgs{Stream: key, MaxLen: most, Values: []any{"v", text}})
		pipe.PExpire(ctx, key, lasts)
		return nil
	})
	return err
}

// ask puts a question to all other instances that are there, and returns the answers and who gave none in time; lost is as of Members.look. It waits no longer once one is enough.
func (p *Peers) ask(ctx context.Context, c call, enough func(reply) bool) (got []reply, silent []string, lost bool, err error) {
	if err := awayNow(p.remote); err != nil {
		return nil, nil, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	deadline, _ := ctx.Deadline()
	if c.Until, err = p.clock.theirs(ctx, p.redis, deadline); err != nil {
		return nil, nil, false, err
	}
	if silent, lost, err = p.members.look(ctx, c.Until-askTime.Milliseconds()); err != nil || len(silent) == 0 {
		return nil, nil, lost, err
	}
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-ctx.Done():
		return nil, silent, lost, nil
	}
	c.From, c.Reply = p.members.ID(), p.prefix+"reply:"+rand.Text()
	if err := p.add(ctx, p.calls(), c, maxCalls, callsFor); err != nil {
		return nil, nil, false, err
	}
	for last := "0"; len(silent) > 0; {
		left := time.Until(deadline) - clockError // Redis says that there is nothing before the connection is given up
		if left <= 0 {
			return got, silent, lost, nil
		}
		streams, err := p.redis.XRead(ctx, &goredis.XReadArgs{Streams: []string{c.Reply, last}, Block: left}).Result()
		if errors.Is(err, goredis.Nil) {
			return got, silent, lost, nil
		}
		if err != nil {
			return nil, nil, false, err
		}
		for _, m := range streams[0].Messages {
			last = m.ID
			var r reply
			if !read(m, &r) {
				continue
			}
			got = append(got, r)
			if enough(r) {
				return got, nil, lost, nil
			}
			silent = slices.DeleteFunc(silent, func(id string) bool { return id == r.From })
		}
	}
	return got, nil, lost, nil
}

// read reads what add has written, and reports whether it could.
func read(m goredis.XMessage, to any) bool {
	text, ok := m.Values["v"].(string)
	return ok && json.Unmarshal([]byte(text), to) == nil
}
