package stream_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal/journaltest"
	"github.com/mcp-cloud/telltale/shared/event"
)

// memLog is a record in memory, of which tests want places.
type memLog struct{ *journaltest.Memory }

func newMemLog() *memLog { return &memLog{journaltest.NewMemory()} }

// places returns the places of what is recorded after a place, and passes.
func (m *memLog) places(f event.Filter, after uint64) (out []uint64) {
	for _, e := range m.All(f, after) {
		out = append(out, e.ID.Seq)
	}
	return out
}

func (m *memLog) put(events ...event.Event) event.ID {
	r, _ := m.Append(context.Background(), events)
	return r[len(r)-1].ID
}

// ev makes an event whose data says n and is some size bytes long, of which few can be compressed away.
func ev(t testing.TB, server, typ string, n, size int) event.Event {
	noise := make([]byte, max(0, size-80)*3/4)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	_, _ = r.Read(noise)
	d := event.Draft{Type: typ, Data: fmt.Appendf(nil, `{"message":"%s","level":"info","n":%d}`, base64.StdEncoding.EncodeToString(noise), n)}
	e, err := d.Event(server, time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return e
}
