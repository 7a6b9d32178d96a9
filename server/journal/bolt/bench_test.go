package bolt_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
	"github.com/mcp-cloud/telltale/shared/event"
)

// sample is an event as the host sends four times a second; its JSON has some 190 bytes.
func sample(n int) event.Event {
	return event.Event{
		Type: "metrics:cpu", Server: "web-1", Time: time.UnixMilli(1_772_000_000_000 + int64(n)),
		Data: fmt.Appendf(nil, `{"timestamp":"2026-03-01T12:00:00.000Z","serverId":"web-1","source":"host","type":"cpu","value":%d.25,"usage":%d.25,"cores":8,"processes":412,"loadAverage":[0.31,0.42,0.40],"n":%d}`, n%100, n%100, n),
	}
}

const benchPublishers = 64

// publish has n events published by 64 goroutines, one event a call, as 64 requests would.
func publish(b *testing.B, n int, publish func(event.Event) error) time.Duration {
	b.Helper()
	events := make([]event.Event, 1024)
	for i := range events {
		events[i] = sample(i)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	for range benchPublishers {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				if i > n {
					return
				}
				if err := publish(events[i%len(events)]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begin)
}

// BenchmarkPublish measures durable publishing from 64 publishers, and in the same run what it would be with an fsync for
// each event: an event appended to a file and fsynced, and one bbolt transaction. The folder must be on a real disk: TMPDIR
// says which.
func BenchmarkPublish(b *testing.B) {
	rate := func(n int, d time.Duration) float64 { return float64(n) / d.Seconds() }
	run := func(b *testing.B, dir string, n int) float64 {
		l, err := bolt.Open(dir, bolt.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		return rate(n, publish(b, n, func(e event.Event) error {
			_, err := l.Append(context.Background(), []event.Event{e})
			return err
		}))
	}
	const some = 2000 // enough for the slow ones
	for b.Loop() {
		file, err := os.Create(filepath.Join(b.TempDir(), "plain"))
		if err != nil {
			b.Fatal(err)
		}
		var mu sync.Mutex
		plain := rate(some, publish(b, some, func(e event.Event) error {
			mu.Lock()
			defer mu.Unlock()
			if _, err := file.Write(event.AppendFrame(nil, e)); err != nil {
				return err
			}
			return file.Sync()
		}))
		file.Close()

		db, err := bbolt.Open(filepath.Join(b.TempDir(), "bbolt"), 0o600, nil)
		if err != nil {
			b.Fatal(err)
		}
		single := rate(some, publish(b, some, func(e event.Event) error {
			return db.Update(func(tx *bbolt.Tx) error {
				bucket, err := tx.CreateBucketIfNotExists([]byte("events"))
				if err != nil {
					return err
				}
				seq, err := bucket.NextSequence()
				if err != nil {
					return err
				}
				return bucket.Put(fmt.Appendf(nil, "%016x", seq), e.Data)
			})
		}))
		db.Close()

		grouped := run(b, b.TempDir(), 50*some)
		b.ReportMetric(plain, "fsync-each/s")
		b.ReportMetric(single, "bbolt-each/s")
		b.ReportMetric(grouped, "grouped/s")
		b.ReportMetric(grouped/plain, "x-fsync-each")
		b.ReportMetric(grouped/single, "x-bbolt-each")
	}
}

// filled returns a record of n events, and the size of its file in use.
func filled(b *testing.B, n int) *bolt.Log {
	b.Helper()
	l, err := bolt.Open(b.TempDir(), bolt.Options{TailBytes: 1, Retention: journal.Retention{DedupWindow: time.Hour}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	batch := make([]event.Event, 0, 1000)
	for i := range n {
		if batch = append(batch, sample(i)); len(batch) == cap(batch) || i == n-1 {
			if _, err := l.Append(context.Background(), batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	return l
}

// BenchmarkRead measures reading on from disk, as a reader who resumes does, page by page.
func BenchmarkRead(b *testing.B) {
	const n = 200_000
	l := filled(b, n)
	rare, err := event.ParseFilter("nobody", "")
	if err != nil {
		b.Fatal(err)
	}
	for name, filter := range map[string]event.Filter{"all": {}, "none": rare} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for q := (journal.Query{Filter: filter}); ; {
					page, err := l.Read(context.Background(), q)
					if err != nil {
						b.Fatal(err)
					}
					if !page.More {
						break
					}
					q.After = page.Next
				}
			}
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkOpen measures how long a start takes with 200,000 events, the check of all pages included.
func BenchmarkOpen(b *testing.B) {
	l := filled(b, 200_000)
	dir := filepath.Dir(l.Path())
	l.Close()
	b.ResetTimer()
	for range b.N {
		l, err := bolt.Open(dir, bolt.Options{Retention: journal.Retention{DedupWindow: time.Hour}})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		l.Close()
		b.StartTimer()
	}
}
