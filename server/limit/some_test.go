package limit

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Of those let go by chance the older ones go rather, each once, and never more than asked for.
func TestEndSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Limits{}, nil, nil)
		var streams []*fakeStream
		for range 200 {
			s := new(fakeStream)
			admit(t, r, Owner{User: "ada"}).Opened(s)
			streams = append(streams, s)
			time.Sleep(time.Second) // of the bubble's clock
		}
		admit(t, r, Owner{User: "bob"}) // not open yet: it is not chosen
		closing := func() event.Closing { return event.Closing{Reason: event.ClosingBalance} }
		if n := r.EndSome(100, closing); n != 100 {
			t.Errorf("ended %d, want 100", n)
		}
		older, younger := 0, 0
		for i, s := range streams {
			switch got := s.reasons(); {
			case len(got) > 1 || len(got) == 1 && got[0] != "balance":
				t.Errorf("stream %d was ended with %v", i, got)
			case len(got) == 1 && i < 100:
				older++
			case len(got) == 1:
				younger++
			}
		}
		if older+younger != 100 || older <= younger {
			t.Errorf("of the older half %d were ended, of the younger %d", older, younger)
		}
		if n := r.EndSome(1000, closing); n != 100 {
			t.Errorf("ended %d of the rest, want all 100", n)
		}
		if n := r.EndSome(1, closing); n != 0 {
			t.Errorf("ended %d where none was left", n)
		}
	})
}
