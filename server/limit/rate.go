package limit

import (
	"container/list"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Rate is how much of something one may do: so much a second, and up to Burst at once after a rest. A PerSecond of zero means no
// bound.
type Rate struct {
	PerSecond float64
	Burst     int
}

// maxKeys is how many keys a Rates knows unless told otherwise: some two megabytes.
const maxKeys = 10_000

// Rates hold each key, a user, token or address, to a rate. It knows a bounded number of keys: beyond it the one that was not asked for
// longest is forgotten, and begins with a full burst when it comes again. All methods may be called at once.
type Rates struct {
	rate    Rate
	most    int
	refused atomic.Int64

	mu     sync.Mutex // guards what follows
	keys   map[string]*list.Element
	recent *list.List // of *bucket, the one just asked for first
}

type bucket struct {
	key     string
	limiter *rate.Limiter
}

// NewRates returns one that knows at most so many keys; zero: 10,000. A Burst below one counts as PerSecond, and at least one.
func NewRates(r Rate, most int) *Rates {
	if r.Burst < 1 {
		r.Burst = max(1, int(math.Ceil(r.PerSecond)))
	}
	if most <= 0 {
		most = maxKeys
	}
	return &Rates{rate: r, most: most, keys: make(map[string]*list.Element), recent: list.New()}
}

// Allow takes n of what the key may do now. If it may not it takes nothing, and says after what time the key may: zero means never, as
// n is more than the burst. A key longer than it need be is the caller's memory to mind.
func (r *Rates) Allow(key string, n int) (after time.Duration, ok bool) {
	if r.rate.PerSecond <= 0 {
		return 0, true
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.limiter(key)
	if l.AllowN(now, n) {
		return 0, true
	}
	r.refused.Add(1)
	if n > r.rate.Burst {
		return 0, false
	}
	missing := float64(n) - l.TokensAt(now)
	return max(time.Duration(missing/r.rate.PerSecond*float64(time.Second)), time.Millisecond), false
}

// Spent reports whether the key may not do anything now, and takes nothing: for what is known to cost something only when it has been done. If so
// it says after what time the key may.
func (r *Rates) Spent(key string) (after time.Duration, spent bool) {
	if r.rate.PerSecond <= 0 {
		return 0, false
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	missing := 1 - r.limiter(key).TokensAt(now)
	if missing <= 0 {
		return 0, false
	}
	r.refused.Add(1)
	return max(time.Duration(missing/r.rate.PerSecond*float64(time.Second)), time.Millisecond), true
}

// Rate returns what each key is held to.
func (r *Rates) Rate() Rate { return r.rate }

// Refused returns how often Allow said no, for metrics.
func (r *Rates) Refused() int64 { return r.refused.Load() }

// Keys returns how many keys it knows now.
func (r *Rates) Keys() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.keys)
}

func (r *Rates) limiter(key string) *rate.Limiter {
	if el := r.keys[key]; el != nil {
		r.recent.MoveToFront(el)
		return el.Value.(*bucket).limiter
	}
	if len(r.keys) >= r.most {
		old := r.recent.Remove(r.recent.Back()).(*bucket)
		delete(r.keys, old.key)
	}
	b := &bucket{strings.Clone(key), rate.NewLimiter(rate.Limit(r.rate.PerSecond), r.rate.Burst)}
	r.keys[b.key] = r.recent.PushFront(b)
	return b.limiter
}
