package host

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"

	"github.com/mcp-cloud/telltale/shared/event"
)

// measured returns what a meter says of this machine, after a first measure to count from.
func measured(t testing.TB) map[string]json.RawMessage {
	t.Helper()
	m := newMeter(".")
	start := time.Now()
	m.measure(start.Add(-time.Second))
	out, errs := m.measure(start)
	for _, err := range errs {
		t.Error(err)
	}
	got := make(map[string]json.RawMessage)
	for _, p := range out {
		if p.err != nil {
			t.Error(p.err)
		}
		got[p.draft.Type] = p.draft.Data
	}
	return got
}

func proc(t *testing.T, path string) []byte {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("compares with /proc")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMemoryAgreesWithProc(t *testing.T) {
	kib := regexp.MustCompile(`MemTotal:\s+(\d+) kB`).FindSubmatch(proc(t, "/proc/meminfo"))
	total, err := strconv.ParseFloat(string(kib[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := event.MetricsMemory.Decode(measured(t)["metrics:memory"])
	used, available := v.Used.Or(-1), v.Available.Or(-1)
	if used <= 0 || available <= 0 || used+available != total*1024 {
		t.Errorf("got %v used and %v available, want them to make %v together", used, available, total*1024)
	}
	if got, want := v.Value.Or(-1), 100*used/(used+available); got < want-0.1 || got > want+0.1 {
		t.Errorf("value: got %v, want %v", got, want)
	}
}

func TestProcessorsAgreeWithProc(t *testing.T) {
	cores := len(regexp.MustCompile(`(?m)^cpu\d+ `).FindAll(proc(t, "/proc/stat"), -1))
	v, _ := event.MetricsCPU.Decode(measured(t)["metrics:cpu"])
	if got := v.Cores.Or(-1); got != float64(cores) {
		t.Errorf("cores: got %v, want %v", got, cores)
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Processes.Or(-1); got < float64(len(dirs))/2 || got > float64(len(dirs))*2 {
		t.Errorf("processes: got %v, want about %v", got, len(dirs))
	}
	if got := v.Usage.Or(0); got < 0 || got > 100 {
		t.Errorf("usage: got %v", got)
	}
}

func TestStorageAgreesWithStatfs(t *testing.T) {
	proc(t, "/proc/self/stat")
	var fs syscall.Statfs_t
	if err := syscall.Statfs(".", &fs); err != nil {
		t.Fatal(err)
	}
	v, _ := event.MetricsStorage.Decode(measured(t)["metrics:storage"])
	all := float64(fs.Blocks-fs.Bfree+fs.Bavail) * float64(fs.Bsize)
	if got := v.Used.Or(-1) + v.Available.Or(-1); got < all*0.999 || got > all*1.001 {
		t.Errorf("used and available: got %v together, want %v", got, all)
	}
}

func TestUsage(t *testing.T) {
	for _, row := range []struct {
		name string
		a, b cpu.TimesStat
		want float64
	}{
		{"half", cpu.TimesStat{User: 10, Idle: 10}, cpu.TimesStat{User: 11, Idle: 11}, 50},
		{"waiting for a disk is idle", cpu.TimesStat{}, cpu.TimesStat{System: 1, Iowait: 3}, 25},
		{"guests are in user already", cpu.TimesStat{}, cpu.TimesStat{User: 1, Guest: 1, Idle: 1}, 50},
		{"all of it", cpu.TimesStat{}, cpu.TimesStat{User: 1, Softirq: 1, Steal: 1}, 100},
		{"idle went backwards", cpu.TimesStat{Idle: 5}, cpu.TimesStat{User: 6, Idle: 4}, 100},
		{"no time", cpu.TimesStat{User: 5}, cpu.TimesStat{User: 5}, -1},
	} {
		if got := usage(row.a, row.b).Or(-1); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}

func TestRate(t *testing.T) {
	if got := rate(100, 350, 0.5).Or(-1); got != 500 {
		t.Errorf("got %v, want 500", got)
	}
	if _, ok := rate(100, 50, 1).Get(); ok {
		t.Error("a counter that went backwards has a rate")
	}
}

func TestInside(t *testing.T) {
	for nic, want := range map[string]bool{
		"lo": true, "lo0": true, "Loopback Pseudo-Interface 1": true, "docker0": true, "veth12ab": true, "br-6fa0": true,
		"eth0": false, "enp3s0": false, "wlan0": false, "en0": false, "Ethernet": false, "bridge0": false, "tun0": false,
	} {
		if got := inside(nic); got != want {
			t.Errorf("%s: got %v, want %v", nic, got, want)
		}
	}
}

// What a second of watching costs: this much of one core.
func BenchmarkMeasure(b *testing.B) {
	m := newMeter(".")
	m.measure(time.Now())
	b.ReportAllocs()
	for b.Loop() {
		if out, _ := m.measure(time.Now()); len(out) < 3 || bytes.Equal(out[0].draft.Data, nil) {
			b.Fatal("measured nothing")
		}
	}
}
