package hub

import (
	"fmt"
	"time"

	"github.com/mcp-cloud/telltale/server/journal/journaltest"
	"github.com/mcp-cloud/telltale/shared/event"
)

type memLog = journaltest.Memory

func newMemLog() *memLog { return journaltest.NewMemory() }

var testTime = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// ev makes an event whose data says n.
func ev(server, typ string, n int) event.Event {
	d := event.Draft{Type: typ, Data: fmt.Appendf(nil, `{"message":"m","level":"info","n":%d}`, n)}
	e, err := d.Event(server, testTime)
	if err != nil {
		panic(err)
	}
	return e
}
