package limit

import (
	"context"
	"net/netip"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/shared/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func admit(t testing.TB, r *Registry, o Owner) *Place {
	t.Helper()
	p, err := r.Admit(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// over returns what limit the owner is over, "" for none; a place it got is given back.
func over(t testing.TB, r *Registry, o Owner) string {
	t.Helper()
	p, err := r.Admit(context.Background(), o)
	if err == nil {
		p.Release()
		return ""
	}
	return err.(*Over).Which
}

// fakeStream is an Ender.
type fakeStream struct {
	mu   sync.Mutex
	ends []event.Closing
}

func (s *fakeStream) End(c event.Closing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = append(s.ends, c)
}

func (s *fakeStream) Detached() bool { return true }

func (s *fakeStream) reasons() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.ends {
		out = append(out, c.Reason)
	}
	return out
}
