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
	// calm is for how long nothing is let go after that.
	calm = 5 * time.Minute
)

// surplus is how many streams an instance has above the mean, if that is clearly more.
func surplus(mine int, others []int) int {
	if len(others) == 0 {
		return 0
	}
	sum := mine
	for _, n := range others {
		sum += n
	}
	mean := float64(sum) / float64(len(others)+1)
	if float64(mine) <= surplusFactor*mean || float64(mine) <= mean+surplusLeast {
		return 0
	}
	return int(float64(mine) - mean)
}

// balancer says how many streams to let go. It has no clock.
type balancer struct {
	left  int       // to let go
	quiet time.Time // nothing before
}

// step is called once a second, and returns how many to let go now. Unless ok, nobody knows what the others have.
func (b *balancer) step(now time.Time, mine int, others []int, ok bool) int {
	if !ok {
		b.left = 0
		return 0
	}
	if b.left == 0 {
		if now.Before(b.quiet) {
			return 0
		}
		if b.left = surplus(mine, others); b.left == 0 {
			return 0
		}
	}
	n := min(b.left, max(1, int(math.Ceil(pace*float64(mine)))))
	if b.left -= n; b.left == 0 {
		b.quiet = now.Add(calm)
	}
	return n
}
