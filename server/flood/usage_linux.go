package flood

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is USER_HZ, in which /proc tells times: 100 on every Linux that Go runs on.
const ticksPerSecond = 100

// usageOf asks /proc about a process of ours.
func usageOf(pid int) (usage, error) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return usage{}, fmt.Errorf("flood: %w", err)
	}
	// The fields are counted behind the name, which stands in brackets and may hold anything: utime and stime are the 12th and 13th.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return usage{}, fmt.Errorf("flood: %sstat is short", dir)
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return usage{}, fmt.Errorf("flood: %sstat: %w", dir, err)
		}
		ticks += n
	}
	u := usage{cpu: time.Duration(ticks) * time.Second / ticksPerSecond}
	rollup, err := os.ReadFile(dir + "smaps_rollup")
	if err != nil {
		return u, fmt.Errorf("flood: %w", err)
	}
	for line := range strings.SplitSeq(string(rollup), "\n") {
		name, rest, _ := strings.Cut(line, ":")
		switch name {
		case "Private_Dirty", "Swap":
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return u, fmt.Errorf("flood: %ssmaps_rollup: %w", dir, err)
			}
			u.memory += kb << 10
		}
	}
	return u, nil
}

// filesOf returns how many file descriptors a process has open.
func filesOf(pid int) (int, error) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(open), err
}
