package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// maxPlace is after all places there are: numbers in Redis's scripts are exact so far.
const maxPlace = 1 << 53

// span is what to look at.
type span struct {
	after   uint64        // only what comes after this place
	before  uint64        // only what comes before this one; 0: up to the newest
	classes []event.Class // none: only how the record stands
	count   int           // at most so many of each class
}

// snapshot is how the record stands, with a stretch of it. Nothing of a batch is in it, or all of it.
type snapshot struct {
	epoch    uint32 // 0: there is no record
	head     uint64 // newest place
	size     [len(event.Classes)]uint64
	kept     uint64
	trimmed  [len(event.Classes)]uint64 // newest place of each class that retention took out
	noted    uint64                     // newest change of the notes
	passed   uint64                     // newest place of a state that is kept only for being the latest, if it is
	lostFrom uint64                     // the newest place before the break that comes next after span.after
	lost     bool                       // there is such a break: places between it and span.after were never given here

	entries  []entry // in order, complete up to through
	through  uint64
	complete bool // through is the end of what was asked for
}

type entry struct {
	seq    uint64
	record string
}

func (s *snapshot) id(seq uint64) event.ID {
	if seq == 0 {
		return event.ID{}
	}
	return event.ID{Epoch: s.epoch, Seq: seq}
}

func (s *snapshot) bytes() int64 {
	n := s.kept
	for _, b := range s.size {
		n += b
	}
	return int64(n)
}

// check returns a *GoneError for a place that this record never gave, or gave to something it has lost. The snapshot must be of
// what comes after that place.
func (s *snapshot) check(after event.ID) error {
	switch {
	case after.IsZero():
		return nil
	case after.Epoch != s.epoch:
		return &journal.GoneError{Reason: journal.GoneEpoch, Place: after, Head: s.id(s.head)}
	case after.Seq > s.head, s.lost && after.Seq > s.lostFrom:
		return &journal.GoneError{Reason: journal.GoneAhead, Place: after, Head: s.id(s.head)}
	}
	return nil
}

var metaFields = []any{"HMGET", nil, "epoch", "seq", "b0", "b1", "b2", "bk", "t0", "t1", "t2", "notes", "done"}

// look takes a snapshot, in one request. It is not a transaction, which a Redis that is full refuses, but what is asked first and last makes it
// as good as one: events up to the newest place that was read before them are all there, and of those that retention took out
// meanwhile the marks tell that are read after them.
func (l *Log) look(ctx context.Context, client goredis.UniversalClient, sp span) (s snapshot, err error) {
	from, to := strconv.FormatUint(sp.after, 10)+"-1", "+"
	kfrom, kto := "("+strconv.FormatUint(sp.after, 10), "+inf"
	if sp.before > 0 {
		to = strconv.FormatUint(sp.before-1, 10) + "-0"
		kto = "(" + strconv.FormatUint(sp.before, 10)
	}
	fields := slices.Clone(metaFields)
	fields[1] = l.keys[keyMeta]
	var lists, there []*goredis.Cmd
	for attempt := 0; ; attempt++ {
		pipe := client.Pipeline()
		before := pipe.Do(ctx, fields...)
		brk := pipe.Do(ctx, "ZRANGEBYSCORE", l.keys[keyBreaks], kfrom, "+inf", "LIMIT", 0, 1)
		lists, there = lists[:0], there[:0]
		for _, c := range sp.classes {
			there = append(there, pipe.Do(ctx, "EXISTS", l.keys[keyState+int(c)]))
			if c == event.State {
				there = append(there, pipe.Do(ctx, "EXISTS", l.keys[keyKept]))
			}
			lists = append(lists, pipe.Do(ctx, "XRANGE", l.keys[keyState+int(c)], from, to, "COUNT", sp.count))
			if c == event.State { // in this order: what moves meanwhile from the stream to the kept ones is in both, and not in neither
				lists = append(lists, pipe.Do(ctx, "ZRANGEBYSCORE", l.keys[keyKept], kfrom, kto, "LIMIT", 0, sp.count))
			}
		}
		after := pipe.Do(ctx, fields...)
		if _, err := pipe.Exec(ctx); err != nil {
			return s, err
		}
		var now snapshot
		if err := errors.Join(s.read(before.Val(), brk.Val()), now.read(after.Val(), nil)); err != nil {
			return s, err
		}
		if now.epoch == s.epoch {
			now.mind(&s, sp.classes, there)
			s.size, s.kept, s.trimmed, s.noted = now.size, now.kept, now.trimmed, now.noted
			break
		}
		if s = (snapshot{}); attempt == 5 { // else it was begun anew just then
			return s, fmt.Errorf("%w: an epoch that does not last", errAnswer)
		}
	}
	if s.epoch != 0 {
		l.newest.Lock()
		l.newest.epoch = s.epoch
		l.newest.Unlock()
	}
	s.through, s.complete = s.head, true
	if sp.before > 0 {
		s.through = min(s.through, sp.before-1)
	}
	for _, cmd := range lists {
		list, _ := cmd.Val().([]any)
		for _, item := range list {
			e, err := readEntry(item)
			if err != nil {
				return s, err
			}
			s.entries = append(s.entries, e)
		}
		if n := len(s.entries); len(list) >= sp.count && n > 0 && s.entries[n-1].seq < s.through {
			s.through, s.complete = s.entries[n-1].seq, false
		}
	}
	if len(lists) > 1 {
		slices.SortFunc(s.entries, func(a, b entry) int { return cmp.Compare(a.seq, b.seq) })
		s.entries = slices.CompactFunc(s.entries, func(a, b entry) bool { return a.seq == b.seq })
	}
	end, _ := slices.BinarySearchFunc(s.entries, s.through, func(e entry, t uint64) int {
		if e.seq <= t {
			return -1
		}
		return 1
	})
	s.entries = s.entries[:end]
	return s, nil
}

// mind counts as trimmed what is not there although something of it should be, as before says too: a Redis that is full may have been told to throw
// keys away. Retention leaves a stream there, if an empty one. There are the answers of EXISTS in between, of each class and after that of states of those that are kept.
func (s *snapshot) mind(before *snapshot, classes []event.Class, there []*goredis.Cmd) {
	gone := func() bool {
		n, err := there[0].Int()
		there = there[1:]
		return err == nil && n == 0
	}
	for _, c := range classes {
		if gone() && before.size[c] > 0 && s.size[c] > 0 {
			s.trimmed[c] = max(s.trimmed[c], before.head)
		}
		if c == event.State && gone() && before.kept > 0 && s.kept > 0 {
			s.trimmed[c] = max(s.trimmed[c], s.passed)
		}
	}
}

func (s *snapshot) read(meta, brk any) error {
	list, _ := meta.([]any)
	if len(list) != len(metaFields)-2 {
		return errAnswer
	}
	if list[0] == nil {
		return nil
	}
	var n [len("0123456789a")]uint64
	for i, v := range list {
		var err error
		if n[i], err = number(v); err != nil {
			return err
		}
	}
	if n[0] == 0 || n[0] > math.MaxUint32 {
		return fmt.Errorf("%w: epoch %d", errAnswer, n[0])
	}
	s.epoch, s.head, s.kept, s.noted, s.passed = uint32(n[0]), n[1], n[5], n[9], n[10]
	copy(s.size[:], n[2:5])
	copy(s.trimmed[:], n[6:9])
	if lo, _ := brk.([]any); len(lo) > 0 {
		var err error
		if s.lostFrom, err = number(lo[0]); err != nil {
			return err
		}
		s.lost = true
	}
	return nil
}

// readEntry reads one of a stream, [id [field value]], or of the kept states, "place:record".
func readEntry(item any) (entry, error) {
	var e entry
	var id string
	switch item := item.(type) {
	case string:
		id, e.record, _ = strings.Cut(item, ":")
	case []any:
		if len(item) != 2 {
			return e, errAnswer
		}
		id, _ = item[0].(string)
		id, _, _ = strings.Cut(id, "-")
		fields, _ := item[1].([]any)
		if len(fields) != 2 {
			return e, errAnswer
		}
		e.record, _ = fields[1].(string)
	}
	var err error
	if e.seq, err = strconv.ParseUint(id, 10, 64); err != nil {
		return e, fmt.Errorf("%w: id %.40q", errAnswer, id)
	}
	return e, nil
}
