package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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

// ours returns a time of theirs, in milliseconds, by this machine's clock.
func (c *clock) ours(theirs int64) time.Time { return time.UnixMilli(theirs - c.skew.Load()) }

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

// errClock reports a Redis whose clock is another each time that it is asked.
var errClock = errors.New("the clock of Redis leaps")

// run runs a script until ctx's deadline, of which Redis is told by its own clock: what is given up here is not done later, by a Redis that stood still or
// over a connection that did. The script answers with a number, which is negative when it is too late, the time, and what else it has; that is returned
// but for the time.
func (c *clock) run(ctx context.Context, redis goredis.UniversalClient, script *goredis.Script, keys []string, args func(until int64) []any) (n int64, more []any, err error) {
	deadline, _ := ctx.Deadline()
	for range 2 { // the first time the clock may turn out to have been set
		until, err := c.theirs(ctx, redis, deadline)
		if err != nil {
			return 0, nil, err
		}
		got, err := script.Run(ctx, redis, keys, args(until)...).Slice()
		if err != nil {
			return 0, nil, err
		}
		if len(got) < 2 {
			return 0, nil, fmt.Errorf("cluster: a script answers %v", got)
		}
		n, isNumber := got[0].(int64)
		text, _ := got[1].(string)
		now, err := strconv.ParseInt(text, 10, 64)
		if !isNumber || err != nil {
			return 0, nil, fmt.Errorf("cluster: a script answers %v", got)
		}
		c.tick(now)
		if n >= 0 {
			return n, got[2:], nil
		}
	}
	return 0, nil, errClock
}
