package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// How fast three instances record and hand out, beside one with a record of its own: TELLTALE_SOAK=1, on a machine with nothing else to do.

// At least 20,000 events a second are acknowledged through three instances in batches of ten.
func TestClusterThroughput(t *testing.T) {
	if !soak() {
		t.Skip("a measurement: TELLTALE_SOAK=1")
	}
	for _, fsync := range []string{"everysec", "always"} {
		c := cluster(t, clusterOptions{args: []string{"--throttle", "0", "--debounce", "0"}, redis: []string{"--appendonly", "yes", "--appendfsync", fsync}})
		var batch strings.Builder
		for i := range 10 {
			fmt.Fprintf(&batch, `{"type":"backup:finished","data":{"n":%d,"message":"%s"}}`+"\n", i, strings.Repeat("0123456789", 14))
		}
		body := batch.String()
		transport := &http.Transport{MaxIdleConnsPerHost: 128}
		client := &http.Client{Transport: transport}
		const lasts = 10 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), lasts)
		defer cancel()
		var acknowledged atomic.Int64
		var publishers sync.WaitGroup
		for i := range 192 {
			url := c.nodes[i%3].url + "/api/servers/web-" + fmt.Sprint(i) + "/events"
			publishers.Go(func() {
				for ctx.Err() == nil {
					res, err := client.Post(url, "application/x-ndjson", strings.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
					if res.StatusCode != http.StatusAccepted {
						t.Errorf("publishing: %s", res.Status)
						return
					}
					if ctx.Err() == nil {
						acknowledged.Add(10)
					}
				}
			})
		}
		publishers.Wait()
		transport.CloseIdleConnections()
		rate := float64(acknowledged.Load()) / lasts.Seconds()
		var cpu float64 // of Redis, in seconds
		for line := range strings.Lines(c.redis.Do("INFO", "cpu")) {
			if name, value, _ := strings.Cut(strings.TrimSpace(line), ":"); name == "used_cpu_user" || name == "used_cpu_sys" {
				s, _ := strconv.ParseFloat(value, 64)
				cpu += s
			}
		}
		t.Logf("appendfsync %s: %.0f events a second acknowledged through three instances, in batches of ten; of Redis a million takes %.1f s of CPU", fsync, rate, cpu/rate/lasts.Seconds()*1e6)
		if rate < 20_000 {
			t.Errorf("appendfsync %s: %.0f events a second, want 20,000", fsync, rate)
		}
		for _, n := range c.nodes {
			n.stop()
		}
	}
}

// What an instance hands out of a record in Redis comes within a tenth of what it hands out of its own.
func TestClusterFanOut(t *testing.T) {
	if !soak() {
		t.Skip("a measurement: TELLTALE_SOAK=1")
	}
	c := cluster(t, clusterOptions{redis: []string{"--appendonly", "yes", "--appendfsync", "always"}})
	for _, n := range c.nodes {
		n.stop()
	}
	type measured struct {
		Rate float64 `json:"deliveriesPerSecond"`
		CPU  float64 `json:"serverCpuSecondsPerMillion"`
	}
	flood := func(args ...string) measured {
		t.Helper()
		args = append([]string{"flood", "--json", "--connections", "1000", "--duration", "10s"}, args...)
		out, err := exec.Command(binary, args...).Output()
		if err != nil {
			t.Fatalf("flood: %v: %s", err, out)
		}
		var report struct {
			Results []measured
		}
		if err := json.Unmarshal(out, &report); err != nil || len(report.Results) != 1 {
			t.Fatalf("%v: %s", err, out)
		}
		return report.Results[0]
	}
	var own, shared []measured
	for range 5 { // in turn, for the machine is not the same all the time
		own = append(own, flood())
		shared = append(shared, flood("--serve-flag=--redis="+c.redis.URL()))
	}
	median := func(all []measured) measured {
		slices.SortFunc(all, func(a, b measured) int { return cmp.Compare(a.Rate, b.Rate) })
		return all[len(all)/2]
	}
	a, b := median(own), median(shared)
	t.Logf("to 1,000 readers, deliveries a second and CPU seconds of a million, median first: %+v of %+v from a record of its own, %+v of %+v from Redis", a, own, b, shared)
	if b.Rate < 0.9*a.Rate {
		t.Errorf("%.2f times as many, want 0.9", b.Rate/a.Rate)
	}
}
