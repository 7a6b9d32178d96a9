package live

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// shown is the log as one text: a message after the other, a gap in brackets.
func shown(p *Program) string {
	var all []string
	p.View(func(m *model.Model, _ time.Time) {
		m.Log.Each(func(line model.Line) {
			if line.Gap != nil {
				all = append(all, "["+line.Gap.Reason+"]")
			} else {
				all = append(all, line.Message)
			}
		})
	})
	return strings.Join(all, " ")
}

// spoken is a source and a record in which web-1 has said the numbers from 1 to n, a second apart; the stream's picture has
// the last few of them.
func spoken(t *testing.T, n, pictured int) (src *source, rec *record, all []event.Event) {
	src = &source{}
	for i := range n {
		src.publish(t, event.Draft{Type: "logs:app", Data: fmt.Appendf(nil, `{"message":"%d"}`, i+1)})
		time.Sleep(time.Second)
	}
	all = src.log
	src.log = all[n-pictured:]
	return src, &record{src: &source{log: all}, page: 300}, all
}

func count(from, to int) string { return strings.Trim(fmt.Sprint(numbers(from, to)), "[]") }

func numbers(from, to int) (all []int) {
	for i := from; i <= to; i++ {
		all = append(all, i)
	}
	return all
}

func TestSkippedLinesAreReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, rec, all := spoken(t, 9, 0)
		src.log = all[:3]
		gap, err := event.StreamGap.AppendFrame(nil, event.ID{}, event.Gap{
			Reason: "slow", From: all[2].ID, To: all[6].ID, Classes: []event.Class{event.Line}, Count: 4})
		if err != nil {
			t.Fatal(err)
		}
		p, _ := program(src, nil)
		p.record = rec
		rec.page = 2
		detach := p.Attach(func(*model.Model, time.Time) {})
		synctest.Wait()
		src.mu.Lock()
		src.streams[0] <- gap
		for _, e := range all[7:] {
			src.streams[0] <- event.AppendFrame(nil, e)
		}
		src.mu.Unlock()
		synctest.Wait()
		if got := shown(p); got != "1 2 3 [slow] 8 9" {
			t.Fatalf("before: %s", got)
		}
		w := model.Wish{From: all[2].ID, To: all[6].ID}
		rec.fails = 1
		p.ReadLog(w)
		synctest.Wait()
		if got := shown(p); got != "1 2 3 [slow] 8 9" {
			t.Errorf("after a failure: %s", got)
		}
		rec.gone = all[4].ID
		p.ReadLog(w)
		synctest.Wait()
		if got := shown(p); got != "1 2 3 [trimmed] 6 7 8 9" {
			t.Errorf("got %s, want what is left, and word of what is not", got)
		}
		detach()
		p.Stop()
	})
}

// A record that nothing was written to has no older lines, and whoever wants some is told.
func TestAnEmptyRecordBeginsHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, rec, _ := spoken(t, 0, 0)
		p, _ := program(src, nil)
		p.record = rec
		detach := p.Attach(func(*model.Model, time.Time) {})
		synctest.Wait()
		p.ReadLog(model.Wish{})
		synctest.Wait()
		begins := func() (begins bool) {
			p.View(func(m *model.Model, _ time.Time) { begins = m.Log.Past("").Begin })
			return begins
		}
		if !begins() {
			t.Error("there may be older lines")
		}
		src.publish(t, event.Draft{Type: "logs:app", Data: []byte(`{"message":"first"}`)})
		synctest.Wait()
		if got := shown(p); got != "first" || !begins() {
			t.Errorf("after the first line: %q, begins: %v", got, begins())
		}
		detach()
		p.Stop()
	})
}

func TestOlderLinesAreReadUntilTheRecordBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, rec, _ := spoken(t, 2500, 5)
		p, _ := program(src, nil)
		p.record = rec
		detach := p.Attach(func(*model.Model, time.Time) {})
		synctest.Wait()
		for i, want := range []int{1496, 496, 1, 1} {
			p.ReadLog(model.Wish{Server: "web-1"})
			p.ReadLog(model.Wish{Server: "web-1"}) // asked twice
			synctest.Wait()
			if got := shown(p); i == 0 && !strings.HasSuffix(got, count(1500, 2500)) || i > 1 && got != count(1, 2500) {
				t.Fatalf("read %d: from %.40s", i, got)
			}
			p.View(func(m *model.Model, _ time.Time) {
				past := m.Log.Past("web-1")
				if past.Reading || past.Failed || past.Begin != (want == 1) || past.Trimmed {
					t.Errorf("read %d: %+v", i, past)
				}
			})
			if i == 0 && len(rec.asked) > 9 {
				t.Errorf("asked %d times for two thousand lines", len(rec.asked))
			}
		}
		detach()
		p.Stop()
	})
}

// Where there are few lines among much else, the stretch that is asked for grows until there are some.
func TestOlderLinesAreLookedForFarBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.publish(t, event.Draft{Type: "logs:app", Data: []byte(`{"message":"first"}`)})
		for range 30_000 {
			src.publish(t, event.Draft{Type: "metrics:cpu", Data: []byte(`{"usage":1}`)})
		}
		src.publish(t, event.Draft{Type: "logs:app", Data: []byte(`{"message":"last"}`)})
		all := src.log
		src.log = all[len(all)-1:]
		rec := &record{src: &source{log: all}, page: 300}
		p, _ := program(src, nil)
		p.record = rec
		detach := p.Attach(func(*model.Model, time.Time) {})
		synctest.Wait()
		rec.asked = nil
		p.ReadLog(model.Wish{Server: "web-1"})
		synctest.Wait()
		if got := shown(p); got != "first last" || len(rec.asked) > 5 {
			t.Errorf("got %q after %d questions", got, len(rec.asked))
		}
		if q, _ := url.ParseQuery(rec.asked[0]); q.Get("servers") != "web-1" || q.Get("types") != "logs:*" {
			t.Errorf("asked %s", rec.asked[0])
		}
		detach()
		p.Stop()
	})
}

func TestRetentionEndsTheSearchForOlderLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, rec, all := spoken(t, 100, 5)
		rec.gone = all[49].ID
		p, _ := program(src, nil)
		p.record = rec
		detach := p.Attach(func(*model.Model, time.Time) {})
		synctest.Wait()
		p.ReadLog(model.Wish{})
		synctest.Wait()
		if got := shown(p); got != count(51, 100) {
			t.Errorf("got %s", got)
		}
		p.View(func(m *model.Model, _ time.Time) {
			if past := m.Log.Past(""); !past.Trimmed || past.Begin {
				t.Errorf("got %+v", past)
			}
		})
		detach()
		p.Stop()
	})
}

// A line, or a time, far before what is held is read with what follows it; what lies between is told, and can be read.
func TestLinesAreReadFromSomewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, rec, all := spoken(t, 2000, 5)
		p, _ := program(src, nil)
		p.record = rec
		detach := p.Attach(func(*model.Model, time.Time) {})
		synctest.Wait()
		p.ReadLog(model.Wish{Server: "web-1", Place: all[99].ID})
		synctest.Wait()
		if got, want := shown(p), count(100, 599)+" [unread] "+count(1996, 2000); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		p.ReadLog(model.Wish{Server: "web-1", At: all[49].Time})
		synctest.Wait()
		if got, want := shown(p), count(50, 599)+" [unread] "+count(1996, 2000); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		p.ReadLog(model.Wish{Server: "web-1", From: all[598].ID, To: all[1994].ID})
		synctest.Wait()
		if got, want := shown(p), count(50, 2000); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if n := len(rec.asked); n > 20 {
			t.Errorf("asked %d times", n)
		}
		detach()
		p.Stop()
	})
}

// One event that an address names is read from the record, whatever its type, and nothing but that; and it is told when it is gone.
func TestOneEventIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, rec, all := spoken(t, 20, 2)
		p, _ := program(src, nil)
		p.record = rec
		detach := p.Attach(func(*model.Model, time.Time) {})
		synctest.Wait()
		p.View(func(m *model.Model, _ time.Time) { m.Watch(model.TapeFilter{}) })
		for i, place := range []event.ID{all[6].ID, all[0].ID, {Epoch: all[0].ID.Epoch, Seq: 4000}} {
			p.ReadLog(model.Wish{Event: true, Place: place})
			synctest.Wait()
			p.View(func(m *model.Model, _ time.Time) {
				if found := m.Tape.Find(place) != nil; found != (i < 2) || (m.Tape.Lost == place) != (i > 1) {
					t.Errorf("%v: found %v, lost %v", place, found, m.Tape.Lost)
				}
			})
		}
		if got := shown(p); got != "19 20" {
			t.Errorf("the log is %s", got)
		}
		detach()
		p.Stop()
	})
}
