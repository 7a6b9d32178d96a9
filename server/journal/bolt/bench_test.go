package bolt_test

import (
	"bytes"
	"context"
	"encoding/binary"
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

// BenchmarkPublish measures durable publishing from 64 publishers, and in turn with it what one fsync for each event comes
// to: bbolt with a transaction for each, and a plain file with an fsync after each. The folder must be on a real disk: TMPDIR
// says which.
func BenchmarkPublish(b *testing.B) {
	const some = 2000 // enough for the slow ones
	var plain, single, grouped time.Duration
	for b.Loop() {
		plain += publishPlain(b, some)
		single += publishSingle(b, some)
		grouped += publishGrouped(b, 50*some)
	}
	rate := func(n int, d time.Duration) float64 { return float64(n*b.N) / d.Seconds() }
	b.ReportMetric(rate(50*some, grouped), "events/s")
	b.ReportMetric(rate(some, single), "bbolt-each/s")
	b.ReportMetric(rate(some, plain), "file-each/s")
	b.ReportMetric(rate(50*some, grouped)/rate(some, single), "x-bbolt-each")
	b.ReportMetric(rate(50*some, grouped)/rate(some, plain), "x-file-each")
}

func publishGrouped(b *testing.B, n int) time.Duration {
	l := open(b, b.TempDir(), bolt.Options{})
	defer l.Close()
	return publish(b, n, func(e event.Event) error {
		_, err := l.Append(context.Background(), []event.Event{e})
		return err
	})
}

func publishSingle(b *testing.B, n int) time.Duration {
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "bbolt"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	return publish(b, n, func(e event.Event) error {
		return db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("events"))
			if err != nil {
				return err
			}
			seq, err := bucket.NextSequence()
			if err != nil {
				return err
			}
			return bucket.Put(binary.BigEndian.AppendUint64(nil, seq), e.Data)
		})
	})
}

func publishPlain(b *testing.B, n int) time.Duration {
	file, err := os.Create(filepath.Join(b.TempDir(), "plain"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	var mu sync.Mutex
	return publish(b, n, func(e event.Event) error {
		mu.Lock()
		defer mu.Unlock()
		if _, err := file.Write(event.AppendFrame(nil, e)); err != nil {
			return err
		}
		return file.Sync()
	})
}

// filled returns a record of n events.
func filled(b *testing.B, n int) *bolt.Log {
	b.Helper()
	l := open(b, b.TempDir(), bolt.Options{TailBytes: 1, Retention: journal.Retention{DedupWindow: time.Hour}})
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

// BenchmarkOpen measures how long a start takes with 200,000 events, the check of all pages included, and the bytes of
// an event in the file.
func BenchmarkOpen(b *testing.B) {
	const n = 200_000
	l := filled(b, n)
	dir := filepath.Dir(l.Path())
	l.Close()
	data, err := os.ReadFile(l.Path())
	if err != nil {
		b.Fatal(err)
	}
	used := len(bytes.TrimRight(data, "\x00")) // room to grow into takes no disk
	for b.Loop() {
		l := open(b, dir, bolt.Options{Retention: journal.Retention{DedupWindow: time.Hour}})
		b.StopTimer()
		l.Close()
		b.StartTimer()
	}
	b.ReportMetric(float64(used)/n, "file-B/event")
	b.ReportMetric(float64(len(sample(n/2).Data)), "json-B/event")
}
