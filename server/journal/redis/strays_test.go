package redis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/redis"
	"github.com/mcp-cloud/telltale/server/journal/redis/redistest"
	"github.com/mcp-cloud/telltale/shared/event"
)

// keepsAll is what a telltale did with states that had all aged, before there was a bound: it kept the latest of any type.
const keepsAll = `
local entries = redis.call('XRANGE', KEYS[1], '-', '+')
local bytes, last = 0, nil
for i = 1, #entries do
  last = string.match(entries[i][1], '^(%d+)')
  redis.call('ZADD', KEYS[2], last, last .. ':' .. entries[i][2][2])
  bytes = bytes + #entries[i][2][2] + 24
end
redis.call('DEL', KEYS[1])
redis.call('HINCRBY', KEYS[3], 'b0', -bytes)
redis.call('HINCRBY', KEYS[3], 'bk', bytes)
return redis.call('HSET', KEYS[3], 'done', last)`

// A record of a telltale that kept the latest state of any type is brought within the bound, and so is what such a one keeps beside us.
func TestStraysOfAnOlderRecord(t *testing.T) {
	server := redistest.Start(t)
	name := names.next()
	key := func(of string) string { return redis.Prefix(name) + of }
	l := open(t, redis.Options{URL: server.URL(), Name: name, Retention: journal.Retention{State: journal.Limit{Age: time.Hour}}})
	made := 0
	for range 3 {
		known := say("server:online", "{}")
		known.Server = fmt.Sprint("s", made)
		events := []event.Event{known}
		for range 2500 { // more than are looked at in one run
			made++
			e := say(fmt.Sprint("x:t", made), "{}")
			events = append(events, e)
		}
		if _, err := l.Append(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		server.Do("EVAL", keepsAll, "3", key("state"), key("kept"), key("meta"))
		if n := server.Do("ZCARD", key("kept")); n != fmt.Sprint(len(all(t, l, event.ID{}))) {
			t.Fatalf("the record holds something else than the %s that were kept", n)
		}
		if err := l.Trim(t.Context()); err != nil {
			t.Fatal(err)
		}
		strays := 0
		for _, e := range all(t, l, event.ID{}) {
			if event.Known(e.Type) {
				continue
			}
			if want := fmt.Sprint("x:t", made-event.MaxUnknown+1+strays); e.Type != want {
				t.Fatalf("stray %d is %s, want %s", strays, e.Type, want)
			}
			strays++
		}
		knowns := made / 2500
		for of, want := range map[string]int{"strays": event.MaxUnknown, "kept": event.MaxUnknown + knowns} {
			if n := server.Do("ZCARD", key(of)); n != fmt.Sprint(want) || strays != event.MaxUnknown {
				t.Errorf("got %s in %s, want %d", n, of, want)
			}
		}
		if n := server.Do("HLEN", key("latest")); n != fmt.Sprint(event.MaxUnknown+knowns) {
			t.Errorf("%s latest states are known, want %d", n, event.MaxUnknown+knowns)
		}
		held := 0
		for _, e := range all(t, l, event.ID{}) {
			held += 9 + len(e.Type) + 1 + len(e.Server) + 6 + 1 + len(e.Data) + 24 // as record.go has it, Time being six bytes
		}
		if b, err := l.Bounds(t.Context()); err != nil || b.Bytes != int64(held) {
			t.Errorf("%d bytes are counted, want %d (%v)", b.Bytes, held, err)
		}
	}
}
