package limit

import (
	"strings"
	"sync"
	"time"
)

// maxPaid is how many names that were paid for Names remember, twice over: as many as the hub's picture has servers, some megabytes.
const maxPaid = 10_000

// Names hold each user to a rate of names that are new, such as of servers that the picture does not have yet. Who says what is new is the
// caller. It may say so of a name for a while after that was paid for, until what bears it is recorded and seen: the some 10,000
// names paid for last are paid for once, whoever brings them again. All methods may be called at once.
type Names struct {
	rates *Rates

	mu           sync.Mutex // guards what follows
	paid, before map[string]struct{}
}

// NewNames returns one; a PerSecond of zero means no bound.
func NewNames(r Rate) *Names { return &Names{rates: NewRates(r, 0), paid: make(map[string]struct{})} }

// Allow takes one of what the user may do for each of the names that was not paid for, or nothing where he may not have them all: then
// it returns how many these are, and after what time he may have them; zero means never, as they are more than the burst. A name may
// be in the list more than once. The names are copied.
func (n *Names) Allow(user string, names []string) (fresh int, after time.Duration, ok bool) {
	if n.rates.rate.PerSecond <= 0 || len(names) == 0 {
		return 0, 0, true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	next := make(map[string]struct{})
	for _, name := range names {
		if !n.has(name) {
			next[name] = struct{}{}
		}
	}
	if len(next) == 0 {
		return 0, 0, true
	}
	if after, ok = n.rates.Allow(user, len(next)); !ok {
		return len(next), after, false
	}
	if len(n.paid)+len(next) > maxPaid && len(n.paid) > 0 {
		n.paid, n.before = make(map[string]struct{}), n.paid
	}
	for name := range next {
		n.paid[strings.Clone(name)] = struct{}{}
	}
	return len(next), 0, true
}

func (n *Names) has(name string) bool {
	if _, ok := n.paid[name]; ok {
		return true
	}
	_, ok := n.before[name]
	return ok
}

// Rate returns what each user is held to.
func (n *Names) Rate() Rate { return n.rates.Rate() }

// Refused returns how often Allow said no, for metrics.
func (n *Names) Refused() int64 { return n.rates.Refused() }
