package redis

import (
	"context"
	"strings"
)

// advise warns of settings under which Redis may forget what it has said it keeps. What it does not tell is passed over: not
// every provider lets itself be asked.
func (l *Log) advise(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	node, err := l.node(ctx)
	if err != nil {
		return
	}
	var info strings.Builder
	for _, section := range []string{"persistence", "memory", "replication"} {
		text, err := node.Info(ctx, section).Result()
		if err != nil {
			return
		}
		info.WriteString(text)
	}
	field := func(name string) string {
		for line := range strings.Lines(info.String()) {
			if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && k == name {
				return v
			}
		}
		return ""
	}
	if field("aof_enabled") == "0" {
		l.logger.Warn("Redis keeps no append-only file: when it ends, it forgets what came after its last snapshot. Set appendonly to yes.", "redis", l.where)
	} else if fsync, err := node.ConfigGet(ctx, "*appendfsync*").Result(); err == nil {
		switch {
		case fsync["appendfsync"] == "no":
			l.logger.Warn("Redis leaves it to the system when its file reaches the disk. Set appendfsync to everysec or always.", "redis", l.where)
		case fsync["no-appendfsync-on-rewrite"] == "yes":
			l.logger.Warn("While Redis rewrites its file it leaves it to the system when that reaches the disk. Set no-appendfsync-on-rewrite to no.", "redis", l.where)
		}
	}
	switch policy := field("maxmemory_policy"); {
	case strings.HasPrefix(policy, "allkeys"):
		l.logger.Warn("A full Redis may throw parts of the record away instead of refusing events. Set maxmemory-policy to noeviction.", "redis", l.where, "maxmemory-policy", policy)
	case strings.HasPrefix(policy, "volatile"): // nothing of the record runs out by itself, but what lies beside it does
		l.logger.Warn("A full Redis may throw tickets, sign-outs and the count of open streams away. Set maxmemory-policy to noeviction.", "redis", l.where, "maxmemory-policy", policy)
	}
	if l.replicas > 0 && field("role") == "master" && field("connected_slaves") == "0" {
		l.logger.Warn("Events are to reach replicas, and Redis has none: nothing will be acknowledged.", "redis", l.where, "replicas", l.replicas)
	}
}
