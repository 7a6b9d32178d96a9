package redis_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/shared/event"
)

// sample is an event as the host sends four times a second; its JSON has some 190 bytes.
func sample(n int) event.Event {
	return event.Event{
		Type: "metrics:cpu", Server: "web-1", Time: time.UnixMilli(1_772_000_000_000 + int64(n)),
		Data: fmt.Appendf(nil, `{"timestamp":"2026-03-01T12:00:00.000Z","serverId":"web-1","source":"host","type":"cpu","value":%d.25,"usage":%d.25,"cores":8,"processes":412,"loadAverage":[0.31,0.42,0.40],"n":%d}`, n%100, n%100, n),
	}
}

const batchOf = 10

// BenchmarkPublish measures acknowledged events a second, in batches of ten from 48 publishers over so many instances, each of which
// also follows the record as it does in a server; and in turn with it XADDs of the same events, pipelined by tens over as many connections, which
// is what publishing to a stream comes to without places, ids or order across connections, and with nobody who reads.
func BenchmarkPublish(b *testing.B) {
	for _, fsync := range []string{"everysec", "always"} {
		for _, instances := range []int{1, 3} {
			b.Run(fmt.Sprintf("%s/%d", fsync, instances), func(b *testing.B) {
				server := redistest.Start(b, "--appendonly", "yes", "--appendfsync", fsync)
				var logs []*redis.Log
				name := names.next()
				for range instances {
					logs = append(logs, open(b, redis.Options{URL: server.URL(), Name: name, Retention: journal.Retention{DedupWindow: time.Hour}}))
				}
				plain := goredis.NewClient(&goredis.Options{Addr: server.Addr(), PoolSize: 48, Protocol: 2})
				defer plain.Close()
				const some = 100_000
				var ours, theirs time.Duration
				for b.Loop() {
					ours += publish(b, some, func(ctx context.Context, p int, batch []event.Event) error {
						_, err := logs[p%len(logs)].Append(ctx, batch)
						return err
					})
					theirs += publish(b, some, func(ctx context.Context, p int, batch []event.Event) error {
						_, err := plain.Pipelined(ctx, func(pipe goredis.Pipeliner) error {
							for _, e := range batch {
								pipe.XAdd(ctx, &goredis.XAddArgs{Stream: "plain", MaxLen: 200_000, Approx: true, Values: []any{"e", e.Data}})
							}
							return nil
						})
						return err
					})
				}
				rate := func(d time.Duration) float64 { return some * float64(b.N) / d.Seconds() }
				b.ReportMetric(rate(ours), "events/s")
				b.ReportMetric(rate(theirs), "xadd/s")
			})
		}
	}
}

// publish has n events published by 48 goroutines, in batches of ten.
func publish(b *testing.B, n int, do func(ctx context.Context, p int, batch []event.Event) error) time.Duration {
	b.Helper()
	batch := make([]event.Event, batchOf)
	for i := range batch {
		batch[i] = sample(i)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	begun := time.Now()
	for p := range 48 {
		wg.Go(func() {
			for next.Add(batchOf) <= int64(n) {
				if err := do(b.Context(), p, batch); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begun)
}

// BenchmarkRead measures reading on, page by page, as a reader who resumes does.
func BenchmarkRead(b *testing.B) {
	const n = 200_000
	server := redistest.Start(b)
	l := open(b, redis.Options{URL: server.URL(), Retention: journal.Retention{DedupWindow: time.Hour}, TailBytes: 1})
	batch := make([]event.Event, 1000)
	for i := range n / len(batch) {
		for j := range batch {
			batch[j] = sample(i*len(batch) + j)
		}
		if _, err := l.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		read := 0
		for q := (journal.Query{}); ; {
			page, err := l.Read(b.Context(), q)
			if err != nil {
				b.Fatal(err)
			}
			if read += len(page.Events); !page.More {
				break
			}
			q.After = page.Next
		}
		if read != n {
			b.Fatalf("read %d events, want %d", read, n)
		}
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	used, _ := strconv.ParseFloat(server.Do("MEMORY", "USAGE", "{telltale:main}:sample", "SAMPLES", "0"), 64)
	b.ReportMetric(used/n, "redis-B/event")
}
