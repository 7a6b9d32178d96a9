package web_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

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

// history fills a record with an event a second, numbered by the seconds after begin; in two places comes something late,
// and once something from the future.
func history(t *testing.T, s *site, begin time.Time, seconds int) {
	t.Helper()
	var all []event.Event
	add := func(at time.Time, server string, n int) {
		d := event.Draft{Type: "metrics:cpu", ServerID: server, Timestamp: at, Data: fmt.Appendf(nil, `{"n":%d}`, n)}
		e, err := d.Event("", at)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	for i := range seconds {
		add(begin.Add(time.Duration(i)*time.Second), "a", i)
		switch i {
		case 40, 41, 170:
			add(begin.Add(-720*time.Hour), "b", -i)
		case 90:
			add(begin.Add(720*time.Hour), "c", i)
		}
	}
	if _, err := s.log.Append(t.Context(), all); err != nil {
		t.Fatal(err)
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
		{"from", url.Values{"from": {at(100)}}, "100", "299", 201},
		{"from, in another zone", url.Values{"from": {"2026-05-12T14:01:40+02:00"}}, "100", "299", 201},
		{"from, before all", url.Values{"from": {at(-60)}}, "0", "299", 304},
		{"from, after all", url.Values{"from": {at(1000)}}, "", "", 0},
		{"to", url.Values{"to": {at(10)}}, "0", "9", 10},
		{"to, before all", url.Values{"to": {at(-60)}}, "", "", 0},
		{"to, after all", url.Values{"to": {at(1000)}}, "0", "299", 304},
		{"between, past what came late", url.Values{"from": {at(45)}, "to": {at(50)}}, "45", "49", 5},
		{"one server", url.Values{"from": {at(20)}, "to": {at(60)}, "servers": {"a"}}, "20", "59", 40},
		{"thinned", url.Values{"from": {at(100)}, "to": {at(200)}, "every": {"10s"}, "servers": {"a"}}, "100", "190", 10},
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
		if len(seen) != 20 || all[0] != "100" {
			t.Errorf("got %v, want one of each ten from 100 to 290", all)
		}
	})
	t.Run("thinning leaves the rest alone", func(t *testing.T) {
		s.publish(t, "/api/servers/d/events", `[{"type":"server:busy","data":{"n":1}},{"type":"server:busy","data":{"n":2}},{"type":"logs:app","data":{"n":3}},{"type":"logs:app","data":{"n":4}}]`)
		if n, _ := s.read(t, url.Values{"every": {"1h"}, "servers": {"d"}}); len(n) != 4 {
			t.Errorf("got %v, want all four", n)
		}
	})
	for _, bad := range []string{"from=yesterday", "to=12:00", "every=5", "every=1ms", "from=" + at(10) + "&to=" + at(10)} {
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
