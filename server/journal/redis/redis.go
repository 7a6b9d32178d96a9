package redis

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// Options of Open. All but URL have defaults.
type Options struct {
	// URL says where Redis is: redis://user:password@host:6379/0, rediss:// with TLS (?ca=, cert= and key= name files in PEM); with
	// ?master_name=NAME&addr=… Sentinels, with ?cluster=true&addr=… a Cluster.
	URL string

	// Name tells apart the records in one Redis; "" is DefaultName. Its keys begin with "{telltale:NAME}:".
	Name string

	// Timeout is how long an Append or a Read waits for a Redis that does not answer; 0 is DefaultTimeout.
	Timeout time.Duration

	// Replicas is how many replicas must have an event before its Append returns, on top of what the server's own disk settings
	// promise. 0: none.
	Replicas int

	// Retention bounds the record, as in the other engines; the zero one is journal.DefaultRetention. Give all instances the
	// same: each trims by its own.
	Retention journal.Retention

	// Logger is told what no caller can be: that Redis went away and came back, that it may forget. nil: nobody is.
	Logger *slog.Logger

	// Now is the time by which events age and publishers' ids expire; nil is time.Now.
	Now func() time.Time

	// TailBytes bounds the newest events kept in memory for Tails that keep up; 0 is 8 MiB.
	TailBytes int
}

// Defaults of Options.
const (
	DefaultName    = "main"
	DefaultTimeout = 2 * time.Second
)

// openWait is how long Open waits for a Redis that is just being started.
const openWait = 10 * time.Second

// Log is a journal.Log in Redis.
type Log struct {
	client    goredis.UniversalClient // of what this Log does by itself
	readers   goredis.UniversalClient // of Reads, so that however many of them wait for connections nothing else does
	where     string
	prefix    string
	keys      []string
	writer    string // names this Log among those that write the record
	timeout   time.Duration
	replicas  int
	retention journal.Retention
	now       func() time.Time
	logger    *slog.Logger

	queue  queue
	ring   ring
	reach  reach
	notes  notes
	count  *journal.Counters
	bytes  atomic.Int64 // of all events held, as of the last look
	skew   atomic.Int64 // Redis's clock less this one, in milliseconds
	size   atomic.Int64 // of a record, on average
	over   chan struct{}
	newest struct {
		sync.Mutex
		epoch uint32 // the last one seen, so that it is not given again
	}

	closing chan struct{} // closed when Close is called
	done    chan struct{} // closed when it is over
	once    sync.Once
	wg      sync.WaitGroup // all but the committer

	// What follows belongs to the committer.
	stopped chan struct{} // closed when it has ended
	line    line
	batch   uint64
}

var (
	_ journal.Log    = (*Log)(nil)
	_ journal.Notes  = (*Log)(nil)
	_ journal.Remote = (*Log)(nil)
)

// Open connects to Redis and begins the record there if there is none. It waits some seconds for a Redis that is not there yet,
// and then fails with an ErrUnavailable.
func Open(ctx context.Context, o Options) (*Log, error) {
	options, err := parseURL(o.URL)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	name := cmp.Or(o.Name, DefaultName)
	if err := CheckName(name); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var id [8]byte
	rand.Read(id[:]) // never fails
	l := &Log{
		where:     describe(options),
		prefix:    Prefix(name),
		keys:      keysOf(name),
		writer:    hex.EncodeToString(id[:]),
		timeout:   cmp.Or(o.Timeout, DefaultTimeout),
		replicas:  o.Replicas,
		retention: o.Retention,
		now:       o.Now,
		logger:    o.Logger,
		count:     journal.NewCounters(maxBatchEvents),
		over:      make(chan struct{}, 1),
		closing:   make(chan struct{}),
		done:      make(chan struct{}),
		stopped:   make(chan struct{}),
	}
	if l.retention == (journal.Retention{}) {
		l.retention = journal.DefaultRetention
	}
	l.retention.DedupWindow = cmp.Or(l.retention.DedupWindow, journal.DefaultRetention.DedupWindow)
	if l.now == nil {
		l.now = time.Now
	}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	l.client, l.readers = connect(options, l.timeout), connect(options, l.timeout)
	l.line.log = l
	l.queue.wake = make(chan struct{}, 1)
	l.reach.changed = make(chan struct{})
	l.notes.init()
	l.size.Store(64 << 10) // until it is known

	var first snapshot
	told := false
	err = l.askFor(ctx, max(openWait, l.timeout), func(ctx context.Context) error {
		err := l.ensure(ctx)
		if err == nil {
			first, err = l.look(ctx, l.client, span{after: maxPlace})
		} else {
			err = trusted(err)
		}
		if err != nil && passes(err) && !told {
			told = true
			l.logger.Warn("the record does not answer yet, waiting for it", "at", l.where, "for", max(openWait, l.timeout), "err", plain(err))
		}
		return err
	})
	if err != nil {
		_, _ = l.client.Close(), l.readers.Close() // nothing depends on it
		if wantsPassword(err) {
			err = fmt.Errorf("%w (it wants a password: rediss://:PASSWORD@HOST, or USER:PASSWORD)", err)
		}
		return nil, fmt.Errorf("journal: open the record: %w", err)
	}
	l.advise(ctx)
	l.ring.init(first.epoch, first.head, cmp.Or(o.TailBytes, 8<<20))
	l.saw(&first)
	go l.run()
	l.wg.Go(l.follow)
	l.wg.Go(l.keepTrimmed)
	l.wg.Go(l.keepNotes)
	return l, nil
}

// wantsPassword reports the two answers of a Redis to who did not sign in: one of them is to a script that is longer than it reads from strangers.
func wantsPassword(err error) bool {
	text := err.Error()
	return strings.Contains(text, "NOAUTH") || strings.Contains(text, "unauthenticated")
}

// CheckName returns an error unless a record may have that name.
func CheckName(name string) error {
	if name == "" || len(name) > 64 {
		return errors.New("the name of a record has 1 to 64 characters")
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return fmt.Errorf("the name of a record has letters, digits, '-', '_' and '.', and no %q", c)
		}
	}
	return nil
}

// CheckURL returns an ErrURL unless s says where a Redis is. It holds nothing of s.
func CheckURL(s string) error {
	_, err := parseURL(s)
	return err
}

// Where says where the record is, for people: the address without user and password.
func (l *Log) Where() string { return l.where }

// Close implements journal.Log. It waits for a batch under way, for as long as Options.Timeout, and not for a Tail whose fn is
// running.
func (l *Log) Close() error {
	l.once.Do(func() {
		close(l.closing)
		<-l.stopped
		_, _ = l.client.Close(), l.readers.Close() // interrupts who waits for an answer; there is nothing to be lost by it
		l.wg.Wait()
		close(l.done)
	})
	<-l.done
	return nil
}

// Bounds implements journal.Log.
func (l *Log) Bounds(ctx context.Context) (journal.Bounds, error) {
	var b journal.Bounds
	err := l.ask(ctx, func(ctx context.Context) error {
		s, err := l.look(ctx, l.readers, span{classes: event.Classes[:], count: 1})
		if err != nil {
			return err
		}
		b = journal.Bounds{Epoch: s.epoch, Head: s.id(s.head), Bytes: s.bytes()}
		if len(s.entries) > 0 {
			b.Oldest = s.id(s.entries[0].seq)
		}
		return nil
	})
	if err != nil {
		return journal.Bounds{}, fmt.Errorf("journal: bounds: %w", err)
	}
	return b, nil
}

// alive returns why a call should not begin.
func (l *Log) alive(ctx context.Context) error {
	select {
	case <-l.closing:
		return journal.ErrClosed
	default:
		return ctx.Err()
	}
}

// ensure begins the record where there is none.
func (l *Log) ensure(ctx context.Context) error {
	answer, err := openScript.Run(ctx, l.client, l.keys, l.freshEpoch()).Result()
	if err != nil {
		return err
	}
	got := texts(answer)
	if len(got) != 2 {
		return errAnswer
	}
	ms, err := strconv.ParseInt(got[1], 10, 64)
	if err != nil {
		return errAnswer
	}
	l.tick(ms)
	return nil
}

// tick is told Redis's clock. What was on the way makes it seem slow, never fast.
func (l *Log) tick(ms int64) { l.skew.Store(ms - time.Now().UnixMilli()) }

// freshEpoch returns an epoch for a record that may have to be begun, as text: never zero nor the last one seen, and random, so that
// it is no other record's and none of an earlier life.
func (l *Log) freshEpoch() string {
	l.newest.Lock()
	last := l.newest.epoch
	l.newest.Unlock()
	for {
		var b [4]byte
		rand.Read(b[:])
		if n := binary.BigEndian.Uint32(b[:]); n != 0 && n != last {
			return strconv.FormatUint(uint64(n), 10)
		}
	}
}
