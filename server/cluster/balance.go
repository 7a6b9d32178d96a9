package cluster

import (
	"math"
	"time"
)

const (
	// surplusFactor and surplusLeast are what is clearly more than the mean: less would have streams move for nothing.
	surplusFactor = 1.2
	surplusLeast  = 50
	// pace is what part of its streams an instance lets go in a second.
	pace = 0.02
	// steady is for how long an instance has to have clearly more: what the others have is told with a delay, so that streams which come to all at once seem
	// to come to this one alone.
	steady = 3 * every
	// calm is for how long nothing is let go after that.
	calm = 5 * time.Minute
)

// meanOf is how many streams an instance has on average.
func meanOf(mine int, others []int) float64 {
	for _, n := range others {
		mine += n
	}
	return float64(mine) / float64(len(others)+1)
}

// surplus is how many streams an instance has above the mean, if that is clearly more.
func surplus(mine int, others []int) int {
	mean := meanOf(mine, others)
	if float64(mine) <= surplusFactor*mean || float64(mine) <= mean+surplusLeast {
		return 0
	}
	return int(float64(mine) - mean)
}

// balancer says how many streams to let go. It has no clock.
type balancer struct {
	since time.Time // there is a surplus; zero: there is none
	left  int       // to let go
	quiet time.Time // nothing before
}

// step is called once a second, and returns how many to let go now. Unless ok, nobody knows what the others have. Where they turn out to have
// more than it seemed, or have gone, the rest stays.
func (b *balancer) step(now time.Time, mine int, others []int, ok bool) int {
	if !ok || len(others) == 0 {
		b.left, b.since = 0, time.Time{}
		return 0
	}
	if b.left == 0 {
		n := surplus(mine, others)
		if n == 0 || now.Before(b.quiet) {
			b.since = time.Time{}
			return 0
		}
		if b.since.IsZero() {
			b.since = now
		}
		if now.Sub(b.since) < steady {
			return 0
		}
		b.left, b.since = n, time.Time{}
	}
	if b.left = min(b.left, int(float64(mine)-meanOf(mine, others))); b.left <= 0 {
		b.left, b.quiet = 0, now.Add(calm)
		return 0
	}
	n := min(b.left, max(1, int(math.Ceil(pace*float64(mine)))))
	if b.left -= n; b.left == 0 {
		b.quiet = now.Add(calm)
	}
	return n
}
