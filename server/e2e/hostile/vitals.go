package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Vitals are what a process must not lose, as Linux tells them.
type Vitals struct {
	Descriptors int
	Threads     int
	RSS         int64 // bytes
}

func (v Vitals) String() string {
	return fmt.Sprintf("%d descriptors, %d threads, %d MiB resident", v.Descriptors, v.Threads, v.RSS>>20)
}

// VitalsOf measures a process.
func VitalsOf(pid int) (v Vitals, err error) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	list, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return v, err
	}
	v.Descriptors = len(list)
	status, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		return v, err
	}
	for line := range strings.Lines(string(status)) {
		name, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		switch {
		case err != nil:
		case name == "Threads":
			v.Threads = int(n)
		case name == "VmRSS":
			v.RSS = n << 10
		}
	}
	return v, nil
}
