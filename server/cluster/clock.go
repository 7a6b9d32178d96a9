package cluster

import (
	"context"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// clockError is by how much what is known of Redis's clock may be wrong without harm.
const clockError = 100 * time.Millisecond

// clock tells Redis's time, as of its last answer. What was on the way makes it seem slow, never fast.
type clock struct {
	known atomic.Bool
	skew  atomic.Int64 // theirs less ours, in milliseconds
}

func (c *clock) tick(theirs int64) {
	c.skew.Store(theirs - time.Now().UnixMilli())
	c.known.Store(true)
}

// theirs returns a time of ours by Redis's clock, in milliseconds. It asks for that only the first time.
func (c *clock) theirs(ctx context.Context, redis goredis.UniversalClient, t time.Time) (int64, error) {
	if !c.known.Load() {
		now, err := redis.Time(ctx).Result()
		if err != nil {
			return 0, err
		}
		c.tick(now.UnixMilli())
	}
	return t.UnixMilli() + c.skew.Load(), nil
}
