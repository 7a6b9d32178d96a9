package live

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/wasm/model"
)

func TestMain(m *testing.M) {
	// In Wasm, the goroutine that brings JavaScript's events to Go is the runtime's own.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

var busy = event.Draft{Type: "server:busy"}

func TestFoldsAtOnceAndPaintsOncePerFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.publish(t, event.Draft{Type: "server:online"})
		p, sc := program(src, nil)
		var painted []string
		detach := p.Attach(func(m *model.Model, _ time.Time) {
			painted = append(painted, m.Server("web-1").Status.State.String())
		})
		synctest.Wait()
		sc.show()
		for range 100 { // while no frame comes, as on a hidden page
			src.publish(t, busy)
		}
		synctest.Wait()
		p.View(func(m *model.Model, _ time.Time) {
			if s := m.Server("web-1"); s.Status.State != model.Busy || m.Place.Seq != 101 || m.Link.Phase != feed.Live {
				t.Errorf("got %v at %v, %v, want what was published, at once", s.Status.State, m.Place, m.Link.Phase)
			}
		})
		sc.show()
		sc.show()
		if got := strings.Join(painted, " "); got != "online busy" {
			t.Errorf("painted %q, want each change once, and none twice", got)
		}
		time.Sleep(agesEvery)
		synctest.Wait()
		sc.show()
		if len(painted) != 3 {
			t.Error("ages did not go on when nothing came")
		}
		detach()
		detach()
		src.publish(t, busy)
		synctest.Wait()
		sc.show()
		if len(painted) != 3 {
			t.Error("painted after detach")
		}
		p.Stop()
		if sc.open != 0 {
			t.Errorf("%d animation frames left open", sc.open)
		}
	})
}

// A painter that has put something off is called again on the next frame, though nothing came.
func TestLaterIsTheNextFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, sc := program(&source{}, nil)
		painted := 0
		detach := p.Attach(func(*model.Model, time.Time) {
			if painted++; painted < 5 {
				p.Later()
			}
		})
		synctest.Wait()
		for range 10 {
			sc.show()
		}
		if painted != 5 {
			t.Errorf("painted %d times, want 5: as often as was asked for, and no more", painted)
		}
		detach()
		p.Stop()
	})
}

func TestTheStreamOutlivesAChangeOfScreens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.publish(t, busy)
		p, sc := program(src, nil)
		nothing := func(*model.Model, time.Time) {}
		detach := p.Attach(nothing)
		synctest.Wait()
		detach()
		detach = p.Attach(nothing)
		time.Sleep(5 * linger)
		if asked, hungUp := src.state(); asked != "" || hungUp != 0 {
			t.Errorf("asked for %q and hung up %d times, want one connection", asked, hungUp)
		}

		// Left for good, it ends; and comes back where it was.
		detach()
		time.Sleep(linger)
		synctest.Wait()
		if _, hungUp := src.state(); hungUp != 1 || sc.open != 0 {
			t.Errorf("hung up %d times, %d frames open, want 1 and 0", hungUp, sc.open)
		}
		src.publish(t, busy)
		detach = p.Attach(nothing)
		synctest.Wait()
		p.View(func(m *model.Model, _ time.Time) {
			if m.Place.Seq != 2 || m.Type("server:busy").Count != 2 {
				t.Errorf("at %v with %d events, want 2 and 2", m.Place, m.Type("server:busy").Count)
			}
		})
		if asked, _ := src.state(); asked != ",1.1" {
			t.Errorf("asked for %q, want nothing and then 1.1", asked)
		}
		detach()
		p.Stop()
		p.Stop()
	})
}

func TestBeginsWithThePictureOfThePage(t *testing.T) {
	for _, tt := range []struct {
		name  string
		age   time.Duration
		asked string
	}{
		{"fresh", 5 * time.Second, "1.1"},
		{"old", time.Hour, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &source{}
				src.publish(t, event.Draft{Type: "logs:app", Data: []byte(`{"message":"one"}`)})
				picture := src.picture("")
				time.Sleep(tt.age)
				src.publish(t, event.Draft{Type: "logs:app", Data: []byte(`{"message":"two"}`)})
				p, _ := program(src, picture)
				p.View(func(m *model.Model, now time.Time) {
					s := m.Server("web-1")
					if s == nil || m.Link.Picture.IsZero() {
						t.Fatal("the picture is not shown")
					}
					if aged := m.Aged(s, now); aged != (tt.asked == "") {
						t.Errorf("aged: got %v", aged)
					}
				})
				detach := p.Attach(func(*model.Model, time.Time) {})
				synctest.Wait()
				if asked, _ := src.state(); asked != tt.asked {
					t.Errorf("asked for %q, want %q", asked, tt.asked)
				}
				p.View(func(m *model.Model, _ time.Time) {
					var got []string
					m.Log.Each(func(line model.Line) { got = append(got, line.Message) })
					if got := strings.Join(got, " "); got != "one two" {
						t.Errorf("log: got %q, want each line once", got)
					}
				})
				detach()
				p.Stop()
			})
		})
	}
	t.Run("broken", func(t *testing.T) {
		p, _ := program(&source{}, []byte("event: server:online\ndata: {}\n\n"))
		p.View(func(m *model.Model, _ time.Time) {
			if len(m.Servers()) != 0 || !m.Link.Picture.IsZero() {
				t.Error("half a picture is shown")
			}
		})
	})
}

func TestRefusedAsksAgainOnlyWhenTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{refuse: true}
		p, _ := program(src, nil)
		detach := p.Attach(func(*model.Model, time.Time) {})
		time.Sleep(time.Hour)
		synctest.Wait()
		phase := func() (phase feed.Phase) {
			p.View(func(m *model.Model, _ time.Time) { phase = m.Link.Phase })
			return phase
		}
		if len(src.asked) != 1 || phase() != feed.Refused {
			t.Errorf("asked %d times, %v, want once, refused", len(src.asked), phase())
		}
		src.refuse = false
		p.Retry()
		synctest.Wait()
		if len(src.asked) != 2 || phase() != feed.Live {
			t.Errorf("asked %d times, %v, want twice, live", len(src.asked), phase())
		}
		detach()
		p.Stop()
	})
}

func TestAttachWhileEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		p, _ := program(src, nil)
		for range 20 {
			detach := p.Attach(func(*model.Model, time.Time) {})
			synctest.Wait()
			detach()
			time.Sleep(linger) // the stream ends just as the next is attached
			detach = p.Attach(func(*model.Model, time.Time) {})
			time.Sleep(time.Second)
			synctest.Wait()
			p.View(func(m *model.Model, _ time.Time) {
				if m.Link.Phase != feed.Live {
					t.Fatalf("attached and %v, want live", m.Link.Phase)
				}
			})
			detach()
			p.Stop()
		}
	})
}

func TestUnseenForLongLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.publish(t, busy)
		p, _ := program(src, nil)
		p.client.Silence = -1 // this server sends one heartbeat
		detach := p.Attach(func(*model.Model, time.Time) {})
		synctest.Wait()
		r := p.running

		p.unseen(r, false)
		time.Sleep(unseenFor - time.Second)
		p.seen(r)
		time.Sleep(2 * time.Second)
		if _, hungUp := src.state(); hungUp != 0 {
			t.Fatal("let go of the stream though somebody looked in between")
		}

		p.unseen(r, false)
		p.unseen(r, false)
		time.Sleep(unseenFor)
		synctest.Wait()
		if _, hungUp := src.state(); hungUp != 1 {
			t.Fatal("holds on to the stream though nobody looks")
		}
		src.publish(t, busy)
		time.Sleep(time.Hour)
		p.seen(r)
		synctest.Wait()
		if asked, _ := src.state(); asked != ",1.1" {
			t.Errorf("asked for %q, want nothing and then 1.1", asked)
		}
		p.View(func(m *model.Model, _ time.Time) {
			if m.Link.Phase != feed.Live || m.Place.Seq != 2 {
				t.Errorf("%v at %v, want live at 1.2", m.Link.Phase, m.Place)
			}
		})

		// A page that is left lets go at once, and may end in that state.
		p.unseen(r, true)
		synctest.Wait()
		if _, hungUp := src.state(); hungUp != 2 {
			t.Error("holds on to the stream though the page is left")
		}
		p.Retry() // whoever asks for a connection gets none that would hold a page that is left
		detach()
		p.Stop()
	})
}

func TestThePictureIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.publish(t, busy)
		p, _ := program(src, nil)
		var kept [][]byte
		p.keep = func(_ context.Context, picture []byte) error {
			kept = append(kept, picture)
			return nil
		}
		detach := p.Attach(func(*model.Model, time.Time) {})
		synctest.Wait()
		for range 3 {
			src.publish(t, busy)
			time.Sleep(3 * keepEvery)
		}
		synctest.Wait()
		if n := len(kept); n != 3 {
			t.Errorf("kept %d pictures, want one for each change", n)
		}
		src.publish(t, event.Draft{Type: "server:idle"})
		synctest.Wait()
		p.unseen(p.running, false)
		synctest.Wait()
		if n := len(kept); n != 4 {
			t.Errorf("kept %d pictures, want one when nobody looks any more", n)
		}
		src.publish(t, event.Draft{Type: "server:error", Data: []byte(`{"message":"the end"}`)})
		synctest.Wait()
		detach()
		p.Stop()

		// What it is kept with is its time by this device's clock.
		if p, err := model.ReadPicture(kept[len(kept)-1], time.Now()); err != nil || time.Since(p.Taken).Round(time.Second) != 0 {
			t.Errorf("kept as of %v, %v", p.Taken, err)
		}

		// The next life of the page has no server.
		time.Sleep(time.Hour)
		src.refuse = true
		p, _ = program(src, kept[len(kept)-1])
		p.View(func(m *model.Model, now time.Time) {
			s := m.Server("web-1")
			if s == nil || s.Status.Reason != "the end" || !m.Aged(s, now) || now.Sub(m.Link.Picture).Round(time.Minute) != time.Hour {
				t.Errorf("got %+v of %v", s, m.Link.Picture)
			}
		})
	})
}
