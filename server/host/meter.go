package host

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"

	"github.com/mcp-cloud/telltale/shared/event"
)

// connectionsEvery is how many samples share one count of connections where counting walks through every process.
const connectionsEvery = 15

// meter measures the machine. Rates are counted from one measure to the next.
type meter struct {
	disk string

	cpu     *cpu.TimesStat // as of the last measure; nil before it
	in, out uint64         // bytes
	at      time.Time      // of in and out; zero before the first

	connections event.Number
	uncounted   int // samples since connections was counted
}

func newMeter(disk string) *meter { return &meter{disk: disk} }

// measure returns what can be measured, and an error for each thing that can't. The first call has no rates to give.
func (m *meter) measure(now time.Time) (out []payload, errs []error) {
	for _, part := range []struct {
		name string
		read func(time.Time) (payload, bool, error)
	}{
		{"cpu", m.processors}, {"memory", m.memory}, {"network", m.network}, {"storage", m.storage},
	} {
		p, ok, err := part.read(now)
		if err != nil {
			errs = append(errs, fmt.Errorf("host: %s: %w", part.name, err))
			continue
		}
		if ok {
			p.at = now
			out = append(out, p)
		}
	}
	return out, errs
}

func (m *meter) processors(time.Time) (payload, bool, error) {
	times, err := cpu.Times(false)
	if err != nil {
		return payload{}, false, err
	}
	if len(times) != 1 {
		return payload{}, false, fmt.Errorf("%d totals instead of one", len(times))
	}
	before := m.cpu
	m.cpu = &times[0]
	if before == nil {
		return payload{}, false, nil
	}
	c := event.CPU{Type: "cpu", Usage: usage(*before, *m.cpu), Cores: event.Num(runtime.NumCPU())}
	if n, err := cpu.Counts(true); err == nil {
		c.Cores = event.Num(n)
	}
	if pids, err := process.Pids(); err == nil {
		c.Processes = event.Num(len(pids))
	}
	return say(event.MetricsCPU, c), true, nil
}

// usage is the share of time that was not idle, in percent, as top counts it: waiting for a disk is idle. It is missing
// where no time has passed.
func usage(a, b cpu.TimesStat) event.Number {
	all, idle := total(b)-total(a), (b.Idle+b.Iowait)-(a.Idle+a.Iowait)
	if all <= 0 {
		return event.Number{}
	}
	return event.Num(round(100*min(1, max(0, (all-idle)/all)), 10))
}

// total leaves out what guests took, which is in User and Nice already.
func total(t cpu.TimesStat) float64 {
	return t.User + t.System + t.Idle + t.Nice + t.Iowait + t.Irq + t.Softirq + t.Steal
}

func (m *meter) memory(time.Time) (payload, bool, error) {
	vm, err := mem.VirtualMemory()
	if err != nil {
		return payload{}, false, err
	}
	v := event.Memory{Type: "memory", Used: event.Num(vm.Used), Available: event.Num(vm.Available), Value: percent(vm.Used, vm.Available)}
	if runtime.GOOS == "linux" {
		v.SwapUsed = event.Num(vm.SwapTotal - min(vm.SwapTotal, vm.SwapFree+vm.SwapCached))
	} else if swap, err := mem.SwapMemory(); err == nil {
		v.SwapUsed = event.Num(swap.Used)
	}
	return say(event.MetricsMemory, v), true, nil
}

func (m *meter) network(now time.Time) (payload, bool, error) {
	nics, err := net.IOCounters(true)
	if err != nil {
		return payload{}, false, err
	}
	var in, out uint64
	for _, nic := range nics {
		if !inside(nic.Name) {
			in, out = in+nic.BytesRecv, out+nic.BytesSent
		}
	}
	before, beforeIn, beforeOut := m.at, m.in, m.out
	m.at, m.in, m.out = now, in, out
	took := now.Sub(before).Seconds()
	if before.IsZero() || took <= 0 {
		return payload{}, false, nil
	}
	v := event.Network{Type: "network", BytesIn: rate(beforeIn, in, took), BytesOut: rate(beforeOut, out, took)}
	v.Connections = m.count()
	return say(event.MetricsNetwork, v), true, nil
}

// inside reports whether an interface carries only what stays in the machine, or what another interface carries too: the
// loopback, and the two ends and the bridges of containers and virtual machines.
func inside(nic string) bool {
	nic = strings.ToLower(nic)
	for _, p := range []string{"lo", "veth", "docker", "br-", "virbr", "cni", "flannel", "vnet"} {
		if strings.HasPrefix(nic, p) {
			return true
		}
	}
	return false
}

// rate is missing when a counter went backwards, as it does when an interface goes away.
func rate(before, now uint64, seconds float64) event.Number {
	if now < before {
		return event.Number{}
	}
	return event.Num(round(float64(now-before)/seconds, 1))
}

// count returns the TCP connections that are open. The kernel of Linux keeps that number; elsewhere every process has to
// be asked, so it is done now and then.
func (m *meter) count() event.Number {
	if protos, err := net.ProtoCounters([]string{"tcp"}); err == nil {
		for _, p := range protos {
			if n, ok := p.Stats["CurrEstab"]; ok {
				return event.Num(n)
			}
		}
	}
	if m.uncounted == 0 {
		m.connections = event.Number{}
		if conns, err := net.Connections("tcp"); err == nil {
			n := 0
			for _, c := range conns {
				if c.Status == "ESTABLISHED" {
					n++
				}
			}
			m.connections = event.Num(n)
		}
	}
	m.uncounted = (m.uncounted + 1) % connectionsEvery
	return m.connections
}

func (m *meter) storage(time.Time) (payload, bool, error) {
	u, err := disk.Usage(m.disk)
	if err != nil {
		return payload{}, false, err
	}
	v := event.Storage{Type: "storage", Used: event.Num(u.Used), Available: event.Num(u.Free), Value: percent(u.Used, u.Free)}
	return say(event.MetricsStorage, v), true, nil
}

// percent is used, of used and available together.
func percent(used, available uint64) event.Number {
	all := float64(used) + float64(available)
	if all == 0 {
		return event.Number{}
	}
	return event.Num(round(100*float64(used)/all, 10))
}

// round keeps 1/per of a unit: more digits than anybody reads would only be carried around.
func round(v, per float64) float64 { return float64(int64(v*per+0.5)) / per }
