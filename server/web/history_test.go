package web_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mcp-cloud/telltale/shared/event"
)

// read returns the "n" of each event of a page, and the header of the answer.
func (s *site) read(t *testing.T, q url.Values) (n []string, a answer) {
	t.Helper()
	a = s.do(t, "GET", "/api/events?"+q.Encode(), "", "Accept", "application/x-ndjson")
	if a.status != 200 {
		t.Fatalf("%v: got %d %s", q, a.status, a.body)
	}
	for line := range strings.Lines(a.body) {
		var e struct{ Data struct{ N json.Number } }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		n = append(n, e.Data.N.String())
	}
	return n, a
}

// measured makes an event with a number, which says that it is of that time.
func measured(t *testing.T, at time.Time, server string, n int) event.Event {
	t.Helper()
	d := event.Draft{Type: "metrics:cpu", ServerID: server, Timestamp: at, Data: fmt.Appendf(nil, `{"n":%d}`, n)}
	e, err := d.Event("", at)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// record records events as if it were that time.
func (s *site) record(t *testing.T, at time.Time, events ...event.Event) {
	t.Helper()
	s.clock.Store(at.UnixMilli())
	if _, err := s.log.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// history fills a record with an event a second, numbered by the seconds after begin; in some places comes something late,
// and once something from the future.
func history(t *testing.T, s *site, begin time.Time, seconds int) {
	t.Helper()
	for i := range seconds {
		at := begin.Add(time.Duration(i) * time.Second)
		events := []event.Event{measured(t, at, "a", i)}
		switch i {
		case 40, 41, 170:
			events = append(events, measured(t, begin.Add(-720*time.Hour), "b", -i))
		case 90:
			events = append(events, measured(t, begin.Add(720*time.Hour), "c", i))
		}
		s.record(t, at, events...)
	}
}

func TestReadByTime(t *testing.T) {
	s := open(t, nil)
	begin := time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)
	at := func(seconds int) string { return begin.Add(time.Duration(seconds) * time.Second).Format(time.RFC3339) }
	if n, _ := s.read(t, url.Values{"from": {at(0)}, "to": {at(9)}}); len(n) != 0 {
		t.Errorf("an empty record gave %v", n)
	}
	history(t, s, begin, 300)
	for _, tt := range []struct {
		name        string
		q           url.Values
		first, last string
		n           int
	}{
		// A second more on either side.
		{"from", url.Values{"from": {at(100)}}, "99", "299", 202},
		{"from, in another zone", url.Values{"from": {"2026-05-12T14:01:40+02:00"}}, "99", "299", 202},
		{"from, in milliseconds", url.Values{"from": {fmt.Sprint(begin.Add(100 * time.Second).UnixMilli())}}, "99", "299", 202},
		{"from, before all", url.Values{"from": {at(-60)}}, "0", "299", 304},
		{"from, after all", url.Values{"from": {at(1000)}}, "", "", 0},
		{"to", url.Values{"to": {at(10)}}, "0", "10", 11},
		{"to, before all", url.Values{"to": {at(-60)}}, "", "", 0},
		{"to, after all", url.Values{"to": {at(1000)}}, "0", "299", 304},
		{"between", url.Values{"from": {at(45)}, "to": {at(50)}}, "44", "50", 7},
		{"what came late stands where it was recorded", url.Values{"from": {at(40)}, "to": {at(42)}}, "39", "42", 6},
		{"and not at the time it says", url.Values{"from": {at(-720*3600 - 60)}, "to": {at(-720*3600 + 60)}}, "", "", 0},
		{"nor in the future", url.Values{"from": {at(720*3600 - 60)}}, "", "", 0},
		{"one server", url.Values{"from": {at(20)}, "to": {at(60)}, "servers": {"a"}}, "19", "60", 42},
		{"thinned", url.Values{"from": {at(100)}, "to": {at(200)}, "every": {"10s"}, "servers": {"a"}}, "99", "200", 12},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := s.read(t, tt.q)
			if len(got) != tt.n || tt.n > 0 && (got[0] != tt.first || got[len(got)-1] != tt.last) {
				t.Errorf("got %d %v, want %d from %s to %s", len(got), got, tt.n, tt.first, tt.last)
			}
		})
	}

	t.Run("thinned, page by page", func(t *testing.T) {
		q := url.Values{"from": {at(100)}, "every": {"10s"}, "limit": {"3"}, "servers": {"a"}}
		var all []string
		for range 20 {
			n, a := s.read(t, q)
			all = append(all, n...)
			if a.header.Get("Telltale-More") != "true" {
				break
			}
			q.Set("after", a.header.Get("Telltale-Next"))
		}
		// A page knows nothing of the one before it, so the stretch it begins in may be given twice.
		seen := make(map[string]bool)
		for _, n := range all {
			seen[n[:len(n)-1]] = true
		}
		if len(seen) != 21 || all[0] != "99" {
			t.Errorf("got %v, want 99 and one of each ten from 100 to 290", all)
		}
	})
	t.Run("thinning leaves the rest alone", func(t *testing.T) {
		s.publish(t, "/api/servers/d/events", `[{"type":"server:busy","data":{"n":1}},{"type":"server:busy","data":{"n":2}},{"type":"logs:app","data":{"n":3}},{"type":"logs:app","data":{"n":4}}]`)
		if n, _ := s.read(t, url.Values{"every": {"1h"}, "servers": {"d"}}); len(n) != 4 {
			t.Errorf("got %v, want all four", n)
		}
	})
	for _, bad := range []string{"from=yesterday", "from=-1", "to=253402300800000", "to=12:00", "every=5", "every=1ms", "from=" + at(10) + "&to=" + at(10)} {
		a := s.do(t, "GET", "/api/events?"+bad, "", "Accept", "application/json")
		name, _, _ := strings.Cut(bad, "=")
		if strings.Contains(bad, "&to=") {
			name = "to"
		}
		if a.status != 400 || field(t, a.body, "field") != name {
			t.Errorf("%s: got %d %s, want 400 that names %s", bad, a.status, a.body, name)
		}
	}
}

// What somebody records with times long past, or to come, hides nothing of a range of time, neither from who sees it nor from who does not.
func TestBackfillHidesNothing(t *testing.T) {
	g := openGuarded(t, nil)
	admin := "Bearer " + token("alice", nil)
	restricted := "Bearer " + token("bob", jwt.MapClaims{"servers": "web-1", "scope": "subscribe"})
	now := time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)
	begin := now.Add(-time.Hour)
	for i := range 50 { // a thousand events over the last hour, by the clock of who recorded them and by their own
		at := begin.Add(time.Duration(i) * time.Hour / 50)
		var batch []event.Event
		for k := range 20 {
			batch = append(batch, measured(t, at, "web-1", 20*i+k))
		}
		g.record(t, at, batch...)
	}
	last := measured(t, now, "web-1", 1000)
	read := func(who, query string) (n []string) {
		t.Helper()
		a := g.do(t, "GET", "/api/events?servers=web-1&limit=10000&"+query, "", "Accept", "application/json", "Authorization", who)
		var out struct {
			Events []struct{ Data struct{ N json.Number } }
			More   bool
		}
		if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != 200 || out.More {
			t.Fatalf("%s: got %d, more %t, %v", query, a.status, out.More, err)
		}
		for _, e := range out.Events {
			n = append(n, e.Data.N.String())
		}
		return n
	}
	half := now.Add(-30 * time.Minute).Format(time.RFC3339)
	check := func(when string, newest int) {
		t.Helper()
		for _, who := range []string{admin, restricted} {
			for _, row := range []struct {
				query    string
				from, to int
			}{
				{"from=" + half, 500, newest}, {"to=" + half, 0, 519}, {"from=" + begin.Format(time.RFC3339), 0, newest},
				{"from=" + half + "&to=" + now.Add(-15*time.Minute).Format(time.RFC3339), 500, 759},
			} {
				got := read(who, row.query)
				if n := row.to - row.from + 1; len(got) != n || got[0] != fmt.Sprint(row.from) || got[n-1] != fmt.Sprint(row.to) {
					t.Errorf("%s: %s: got %d, want %d, from %d to %d", when, row.query, len(got), n, row.from, row.to)
				}
			}
		}
	}
	check("before", 999)
	for _, off := range []time.Duration{-720 * time.Hour, 720 * time.Hour} {
		var batch []event.Event
		for i := range 1500 {
			batch = append(batch, measured(t, now.Add(off+time.Duration(i)*time.Second), "web-2", i))
		}
		g.record(t, now, batch...)
	}
	check("after", 999)
	g.record(t, now, last)
	check("and then", 1000)
	if n := g.once(t, "GET", "/api/events?limit=10000&from="+half, "", "Accept", "application/x-ndjson", "Authorization", admin); strings.Count(n.body, "\n") != 501+3000 {
		t.Errorf("who sees all of it got %d events, want those and the backfilled ones, which were recorded just now", strings.Count(n.body, "\n"))
	}
}
