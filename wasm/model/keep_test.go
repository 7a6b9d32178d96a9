package model

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// What was kept shows the same picture.
func TestKept(t *testing.T) {
	begin := time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)
	var k Keeper
	if b, ok := k.AppendStream(nil, begin); ok || len(b) > 0 {
		t.Error("an empty picture was kept")
	}
	seq := uint64(0)
	say := func(typ, server, data string) event.Event {
		d := event.Draft{Type: typ, ServerID: server, Data: []byte(data)}
		e, err := d.Event("", begin)
		if err != nil {
			t.Fatal(err)
		}
		seq++
		e.ID = event.ID{Epoch: 1, Seq: seq}
		return e
	}
	control := func(typ, data string) event.Event { return event.Event{Type: typ, Data: []byte(data)} }
	m := New()
	tell := func(events ...event.Event) {
		b := feed.Batch{At: begin, Events: events, Place: event.ID{Epoch: 1, Seq: seq}}
		m.Update(b)
		k.Update(b)
	}
	tell(control("stream:sync", `{"mode":"fresh","serverTime":"2026-05-12T12:00:00.000Z","version":"0.14.0"}`))
	tell(say("server:online", "a", `{"version":"1"}`), say("server:error", "b", `{"message":"no"}`))
	if _, ok := k.AppendStream(nil, begin); ok {
		t.Error("half a picture was kept")
	}
	tell(control("stream:heartbeat", `{"serverTime":"2026-05-12T12:00:00.000Z"}`))
	for i := range 1000 {
		tell(say("metrics:cpu", "a", fmt.Sprintf(`{"usage":%d}`, i%100)), say("logs:app", "b", fmt.Sprintf(`{"message":"line %d"}`, i)))
	}
	tell(say("server:busy", "a", `{"load":50}`), say("backup:finished", "a", `{"n":7}`))

	text, ok := k.AppendStream(nil, begin.Add(time.Hour))
	if !ok || len(text) > 200<<10 {
		t.Fatalf("kept %d bytes, %v", len(text), ok)
	}
	got := New()
	p, err := got.Load(text, begin.Add(2*time.Hour))
	if err != nil || p.Fresh || p.Place != m.Place || !p.Time.Equal(begin.Add(time.Hour)) {
		t.Fatalf("got %v %v %v, %v", p.Fresh, p.Place, p.Time, err)
	}
	a, b := got.Server("a"), got.Server("b")
	if a == nil || b == nil || a.Status.State != Busy || a.Version != "1" || a.CPU.Usage != 99 || b.Status.Reason != "no" || len(a.Events) != 1 {
		t.Errorf("got %+v, %+v", a, b)
	}
	lines := got.Log.all()
	if len(lines) != keptLines || lines[keptLines-1].Message != "line 999" || lines[0].Message != "line 800" {
		t.Errorf("kept %d lines, the newest %q", len(lines), lines[len(lines)-1].Message)
	}

	// The log begins anew: what was is not kept.
	tell(control("stream:sync", `{"mode":"reset","serverTime":"2026-05-12T12:00:00.000Z"}`), say("server:online", "c", `{}`),
		control("stream:heartbeat", `{}`))
	text, _ = k.AppendStream(nil, begin)
	got = New()
	if _, err := got.Load(text, begin); err != nil || len(got.Servers()) != 1 {
		t.Errorf("%d servers, %v, want the one of the new log", len(got.Servers()), err)
	}
}

// A word that is too long to keep is kept as a shorter one: without it the one before would stand.
func TestLongWordsAreKept(t *testing.T) {
	var k Keeper
	seq := uint64(0)
	tell := func(typ, server, data string) {
		d := event.Draft{Type: typ, ServerID: server, Data: []byte(data)}
		e, err := d.Event("", noon)
		if err != nil {
			t.Fatal(err)
		}
		seq++
		e.ID = event.ID{Epoch: 1, Seq: seq}
		e.Data = event.AppendJSON(nil, e)
		k.Update(feed.Batch{Events: []event.Event{e}, Place: e.ID})
	}
	long := `{"message":"out of memory","stack":"` + strings.Repeat("goroutine 1 ", 16<<10) + `"}`
	k.Update(feed.Batch{Events: []event.Event{{Type: "stream:sync", Data: []byte(`{"mode":"fresh"}`)}}})
	const servers = 8
	for range 2 {
		for i := range servers {
			tell("server:online", fmt.Sprintf("<%d>", i), `{}`)
			tell("deployment:failed", fmt.Sprintf("<%d>", i), long)
			tell("server:error", fmt.Sprintf("<%d>", i), long)
		}
	}
	tell("metrics:cpu", "<0>", `{"usage":5,"more":"`+strings.Repeat("x", MaxData)+`"}`)
	k.Update(feed.Batch{Events: []event.Event{{Type: "stream:heartbeat", Data: []byte(`{}`)}}})
	if k.long > keptLong || k.long < keptLong/2 {
		t.Errorf("%d bytes of long ones are kept, want at most %d", k.long, keptLong)
	}
	held := 0
	for _, e := range k.newest {
		if cap(e.Data) > MaxData {
			held += cap(e.Data)
		}
	}
	equal(t, "bytes held", held, k.long)
	text, _ := k.AppendStream(nil, noon)
	m := New()
	if _, err := m.Load(text, noon); err != nil {
		t.Fatal(err)
	}
	told := 0
	for i := range servers {
		s := m.Server(fmt.Sprintf("<%d>", i))
		if s == nil || s.Status.State != Failing || len(s.Deployments) != 1 || s.Deployments[0].Stage != DeployFailed || !s.Status.At.Equal(noon) {
			t.Fatalf("server %d is kept as %+v", i, s)
		}
		if s.Status.Reason == "out of memory" {
			told++
		}
	}
	if told == 0 || told == servers {
		t.Errorf("%d of %d say why", told, servers)
	}
	for i := range servers {
		tell("server:error", fmt.Sprintf("<%d>", i), `{}`)
		tell("deployment:failed", fmt.Sprintf("<%d>", i), `{}`)
	}
	equal(t, "bytes of long ones when there are none", k.long, 0)
}
