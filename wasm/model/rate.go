package model

import (
	"math"
	"time"
)

// rateSpan is how many whole seconds a Rate is measured over: long enough to be read, short enough to follow.
const rateSpan = 10

// Rate counts things per second of the local clock. The zero Rate has counted nothing.
type Rate struct {
	second  int64 // Unix, of the newest bucket
	buckets [rateSpan + 1]uint32
}

func (r *Rate) add(now time.Time, n uint32) {
	if now.Unix() < r.second-rateSpan {
		*r = Rate{second: now.Unix()} // the clock was set back: what was counted is not of the last seconds
	}
	r.move(now.Unix())
	r.buckets[uint64(r.second)%uint64(len(r.buckets))] += n
}

// move makes second the newest bucket and empties those that were skipped. A clock that went back a little adds to the newest.
func (r *Rate) move(second int64) {
	if second <= r.second {
		return
	}
	for s := max(r.second+1, second-rateSpan); s <= second; s++ {
		r.buckets[uint64(s)%uint64(len(r.buckets))] = 0
	}
	r.second = second
}

// PerSecond returns the mean of the last ten whole seconds before now; of those before the newest thing counted, when now
// is earlier than that.
func (r Rate) PerSecond(now time.Time) float64 { return r.PerSecondSince(time.Time{}, now) }

// rateLeast is how many whole seconds must have been counted before a Rate says anything.
const rateLeast = 2

// PerSecondSince returns the same where counting began at an instant less than ten seconds ago: the mean of the whole seconds since
// then; NaN as long as those are too few to tell.
func (r Rate) PerSecondSince(began, now time.Time) float64 {
	r.move(now.Unix())
	seen := int64(rateSpan)
	if since := r.second - began.Unix() - 1; since >= -rateSpan { // else the clock was set back since
		seen = min(since, rateSpan)
	}
	if seen < rateLeast {
		return math.NaN()
	}
	sum := uint32(0)
	for s := r.second - seen; s < r.second; s++ {
		sum += r.buckets[uint64(s)%uint64(len(r.buckets))]
	}
	return float64(sum) / float64(seen)
}

// PerSecond returns what a Rate of this Model says, of the time since this page counts: NaN before it has counted for long enough.
func (m *Model) PerSecond(r *Rate, now time.Time) float64 {
	if m.Counted.IsZero() {
		return math.NaN()
	}
	return r.PerSecondSince(m.Counted, now)
}

// skew estimates how far the server's clock is ahead. A time the server sent is older than its arrival by what the network
// took, so the greatest difference of the last readings is the nearest to the truth.
type skew struct {
	last   [8]time.Duration
	n      int
	at     time.Time     // when the newest came
	before time.Duration // what it was in another life of the page: until there is a reading
}

// readingsApart is how far readings are apart that count as several. A page that was frozen gets those of all that time at once when it is
// thawed: were they to displace what was read before, it would take its clock to be ahead by as long as it slept.
const readingsApart = 500 * time.Millisecond

func (s *skew) add(server, local time.Time) {
	d := server.Sub(local)
	if s.n > 0 && local.Sub(s.at).Abs() < readingsApart {
		newest := &s.last[(s.n-1)%len(s.last)]
		*newest = max(*newest, d)
		return
	}
	s.at = local
	s.last[s.n%len(s.last)] = d
	s.n++
}

func (s *skew) offset() time.Duration {
	if s.n == 0 {
		return s.before
	}
	best := s.last[0]
	for _, d := range s.last[:min(s.n, len(s.last))] {
		best = max(best, d)
	}
	return best
}
