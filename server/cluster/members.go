package cluster

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/server/journal"
)

var (
	//go:embed beat.lua
	beatSource string
	beatScript = goredis.NewScript(beatSource)
)

const (
	// every is how often an instance says what it does.
	every = 2 * time.Second
	// goneAfter is how long nothing was heard of an instance before it counts as gone: three times.
	goneAfter = 3 * every
	// shownFor is how long one that is gone is listed.
	shownFor = 10 * time.Minute
)

// State is what an instance is up to.
type State string

const (
	Up       State = "up"
	Draining State = "draining" // it is about to end, and takes no new streams from a balancer that asks
	Ended    State = "ended"    // it said that it ends
	Gone     State = "gone"     // it said nothing, and is not heard of
)

// Instance is one that shares the record.
type Instance struct {
	ID      string    `json:"id"` // of this life of the process
	Version string    `json:"version"`
	Address string    `json:"address,omitempty"` // it listens on
	Since   time.Time `json:"since"`             // it runs
	State   State     `json:"state"`

	Streams int     `json:"streams"`
	Events  float64 `json:"eventsPerSecond"` // handed out to its readers, each counted once
	Lag     uint64  `json:"lag"`             // events that are recorded, and not handed out yet

	Seen time.Time `json:"-"` // it was last heard of, by this machine's clock
	Self bool      `json:"-"` // it is this one
}

// Report is what Members asks this instance every two seconds.
type Report struct {
	Streams  int
	Events   int64  // handed out since the start
	Lag      uint64 // see Instance
	Draining bool
}

// Options of NewMembers.
type Options struct {
	Redis  goredis.UniversalClient // the caller's; nil: there is this instance alone
	Prefix string
	Remote journal.Remote // says when Redis is away; nil: never

	Version, Address string
	Report           func(ctx context.Context) Report
	// LetGo ends so many of this instance's streams, that others may have them; nil: nothing is balanced.
	LetGo func(n int)
}

// Members knows which instances there are. Make it with NewMembers.
type Members struct {
	o    Options
	self Instance

	mu     sync.Mutex // guards what follows
	list   []Instance
	at     time.Time // when the list was true; zero: never
	events int64
	took   time.Time // when events was
}

// NewMembers returns what knows of this instance alone until Run.
func NewMembers(o Options) *Members {
	var id [4]byte
	rand.Read(id[:]) // never fails
	m := &Members{o: o, self: Instance{ID: hex.EncodeToString(id[:]), Version: o.Version, Address: o.Address, Since: time.Now().UTC().Truncate(time.Millisecond), State: Up, Self: true}}
	m.took = m.self.Since
	return m
}

// Shared reports whether others may share the record.
func (m *Members) Shared() bool { return m.o.Redis != nil }

// ID names this instance.
func (m *Members) ID() string { return m.self.ID }

// List returns the instances, this one first, the others by when they began, those that are gone last; and when that was true. It asks nobody but this instance.
func (m *Members) List() (list []Instance, at time.Time) {
	m.mu.Lock()
	list, at = slices.Clone(m.list), m.at
	m.mu.Unlock()
	if len(list) == 0 {
		return []Instance{m.self}, time.Now()
	}
	return list, at
}

// Stats are what Members know, as numbers.
type Stats struct {
	Instances map[State]int // of each state; those that ended or are gone for as long as they are listed
	Age       time.Duration // since the list was true: more than a few seconds where Redis does not answer
}

// Stats returns what List does, as numbers. Every state is in it.
func (m *Members) Stats() Stats {
	list, at := m.List()
	s := Stats{Instances: map[State]int{Up: 0, Draining: 0, Ended: 0, Gone: 0}, Age: max(0, time.Since(at))}
	for _, i := range list {
		s.Instances[i.State]++
	}
	return s
}

// Run says what this instance does, and asks what the others do, until ctx ends; then it says that this one has ended. It returns
// ctx's error.
func (m *Members) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	balance := time.NewTicker(time.Second)
	defer balance.Stop()
	var b balancer
	for {
		m.beat(ctx, false)
	wait:
		for {
			select {
			case <-tick.C:
				break wait
			case now := <-balance.C:
				if m.o.LetGo == nil {
					continue
				}
				mine, others, ok := m.loads(now)
				if n := b.step(now, mine, others, ok); n > 0 {
					m.o.LetGo(n)
				}
			case <-ctx.Done():
				last, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
				defer cancel()
				m.beat(last, true)
				return ctx.Err()
			}
		}
	}
}

// beat writes what this instance does and reads what all do.
func (m *Members) beat(ctx context.Context, ends bool) {
	asking, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	report := m.o.Report(asking)
	now := time.Now()
	m.mu.Lock()
	self := m.self
	if took := now.Sub(m.took).Seconds(); took > 0 {
		self.Events = float64(int64(10*float64(report.Events-m.events)/took)) / 10
	}
	m.events, m.took = report.Events, now
	m.mu.Unlock()
	self.Streams, self.Lag, self.Seen = report.Streams, report.Lag, now
	switch {
	case ends:
		self.State = Ended
	case report.Draining:
		self.State = Draining
	}
	if m.o.Redis == nil {
		m.set([]Instance{self}, now)
		return
	}
	list, err := m.tell(asking, self)
	if err != nil { // of the others we know what we knew; see List
		m.mu.Lock()
		for i := range m.list {
			if m.list[i].Self {
				m.list[i] = self
			}
		}
		m.mu.Unlock()
		return
	}
	m.set(list, time.Now())
}

func (m *Members) set(list []Instance, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list, m.at = list, at
}

func (m *Members) tell(ctx context.Context, self Instance) ([]Instance, error) {
	if err := awayNow(m.o.Remote); err != nil {
		return nil, err
	}
	text, err := json.Marshal(self)
	if err != nil { // it always does
		return nil, err
	}
	answer, err := beatScript.Run(ctx, m.o.Redis, []string{m.o.Prefix + "instances"}, self.ID, text, shownFor.Milliseconds()).StringSlice()
	if err != nil {
		return nil, err
	}
	if len(answer)%3 != 1 {
		return nil, fmt.Errorf("cluster: %d words about instances", len(answer))
	}
	now, clock := time.Now(), answer[0]
	var list []Instance
	for answer = answer[1:]; len(answer) > 0; answer = answer[3:] {
		var one Instance
		ago, err := since(clock, answer[1])
		if err != nil || json.Unmarshal([]byte(answer[2]), &one) != nil {
			continue // of a version to come
		}
		one.ID, one.Seen, one.Self = answer[0], now.Add(-ago), answer[0] == self.ID
		if ago > goneAfter && one.State != Ended {
			one.State = Gone
		}
		if one.State == Gone || one.State == Ended {
			one.Streams, one.Events, one.Lag = 0, 0, 0
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Instance) int {
		return cmp.Or(rank(a)-rank(b), a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// look asks Redis which other instances live, as of now, which is a time of its clock: one that has just begun is among them, as in List only after a while. Lost
// is true where one has gone without a word so lately that its leases may last.
func (m *Members) look(ctx context.Context, now int64) (live []string, lost bool, err error) {
	all, err := m.o.Redis.HGetAll(ctx, m.o.Prefix+"instances").Result()
	if err != nil {
		return nil, false, err
	}
	for id, v := range all {
		at, said, _ := strings.Cut(v, " ")
		var one Instance
		heard, err := strconv.ParseInt(at, 10, 64)
		if err != nil || json.Unmarshal([]byte(said), &one) != nil || id == m.self.ID || one.State == Ended {
			continue
		}
		switch ago := time.Duration(now-heard) * time.Millisecond; {
		case ago <= goneAfter:
			live = append(live, id)
		case ago < mayHold:
			lost = true
		}
	}
	slices.Sort(live)
	return live, lost, nil
}

func rank(i Instance) int {
	switch {
	case i.Self:
		return 0
	case i.State == Up || i.State == Draining:
		return 1
	}
	return 2
}

// since returns how long before the one time the other was, both of Redis's clock.
func since(now, then string) (time.Duration, error) {
	a, err := strconv.ParseInt(now, 10, 64)
	if err != nil {
		return 0, err
	}
	b, err := strconv.ParseInt(then, 10, 64)
	return time.Duration(a-b) * time.Millisecond, err
}

// loads returns how many streams this instance has now and each other that takes any; ok is false when that is not known, or this one
// is about to end.
func (m *Members) loads(now time.Time) (mine int, others []int, ok bool) {
	if m.o.Redis == nil || awayNow(m.o.Remote) != nil {
		return 0, nil, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(m.at) > goneAfter {
		return 0, nil, false
	}
	for _, i := range m.list {
		switch {
		case i.Self && i.State != Up:
			return 0, nil, false
		case i.Self:
			mine, ok = i.Streams, true
		case i.State == Up:
			others = append(others, i.Streams)
		}
	}
	return mine, others, ok
}
