package web_test

import (
	"strings"
	"testing"
)

// What looks like a parameter and is none is refused by name where events are given, as without it all would be shown. What looks like none is
// ignored.
func TestMisspeltParameters(t *testing.T) {
	s := open(t, nil)
	s.publish(t, "/api/servers/web-1/events", `{"type":"server:online"}`)
	for _, row := range []struct{ query, meant string }{
		{"server=web-1", "servers"}, {"serverId=web-1", "servers"}, {"servers[]=web-1", "servers"}, {"Servers=web-1", "servers"}, {"sevrers=web-1", "servers"},
		{"severs=web-1", "servers"}, {"servres=x", "servers"}, {"type=server:*", "types"}, {"tpyes=x:y", "types"}, {"TYPES=x:y", "types"}, {"event=x:y", "types"},
		{"category=x", "types"}, {"filter=x", "types"}, {"types=x:y&types%5B%5D=x:z", "types"},
		{"last_event_id=1.1", "lastEventId"}, {"Last-Event-ID=1.1", "lastEventId"}, {"lastEventID=1.1", "lastEventId"},
		{"_=1716", ""}, {"t=12", ""}, {"cache=no", ""}, {"page=2", ""}, {"v=3&nonsense=servers", ""}, {"services=a", ""}, {"serverz=a", "servers"}, {"tapes", "types"}, {"taper", ""},
		{strings.Repeat("s", 70) + "=1", ""}, {"servers=web-1&types=server:*&limit=5", ""},
	} {
		name, _, _ := strings.Cut(row.query, "=")
		for _, of := range []struct{ path, accept string }{{"/api/events", "application/json"}, {"/api/events", "text/event-stream"}, {"/api/servers", "*/*"}} {
			method := "GET"
			if of.accept == "text/event-stream" && row.meant == "" {
				method = "HEAD" // a GET would last
			}
			a := s.do(t, method, of.path+"?"+row.query, "", "Accept", of.accept)
			if row.meant == "" {
				if a.status != 200 {
					t.Errorf("%s?%s as %s: got %d %s, want it ignored", of.path, row.query, of.accept, a.status, a.body)
				}
				continue
			}
			if got := field(t, a.body, "field"); a.status != 400 || !strings.Contains(row.query, "&") && got != name || !strings.Contains(a.body, `did you mean \"`+row.meant+`\"?`) {
				t.Errorf("%s?%s as %s: got %d %s, want 400 that names it and %s", of.path, row.query, of.accept, a.status, a.body, row.meant)
			}
		}
	}
	for query, want := range map[string]int{"server=web-1": 200, "serverId=web-1": 200, "type=x:y": 400} { // where the path says which
		if a := s.do(t, "GET", "/api/servers/web-1/events?"+query, "", "Accept", "application/json"); a.status != want {
			t.Errorf("%s: got %d %s, want %d", query, a.status, a.body, want)
		}
	}
}
