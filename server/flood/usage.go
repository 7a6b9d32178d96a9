package flood

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// usage is what a process has used and holds, as the system tells it.
type usage struct {
	cpu    time.Duration // user and system time since it started
	memory int64         // bytes that it has written and nobody shares; what it reads of files is the system's to take back
}

// collect has the target collect its garbage and give what is free back to the system, where it can be asked to.
func (t Target) collect() error {
	if t.GC == "" {
		return nil
	}
	client := http.Client{Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	answer, err := client.Post(t.GC, "", nil)
	if err != nil {
		return fmt.Errorf("flood: collect garbage: %w", err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20)); err != nil {
		return fmt.Errorf("flood: collect garbage: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("flood: collect garbage: the answer was %s", answer.Status)
	}
	return nil
}
