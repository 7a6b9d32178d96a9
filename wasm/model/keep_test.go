package model

import (
	"fmt"
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
