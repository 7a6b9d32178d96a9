package web_test

import (
	"strings"
	"testing"
)

// A page says the time in the zone of whom it is for, and the first command of all with the address it is at.
func TestPageIsForItsReader(t *testing.T) {
	s := open(t, nil)
	a := s.do(t, "GET", "/", "")
	if want := `<span id="origin">` + s.url + `</span>/api/events`; !strings.Contains(a.body, want) {
		t.Errorf("the page of an empty fleet does not say %s", want)
	}
	s = open(t, nil) // a picture is kept for a moment
	s.publish(t, "/api/servers/a/events", `{"type":"logs:app","timestamp":"2026-05-12T12:00:00Z","data":{"message":"noon"}}`)
	for zone, want := range map[string]string{"Asia/Tokyo": "12 May 21:00", "America%2FNew_York": "12 May 08:00"} {
		if a := s.do(t, "GET", "/servers/a", "", "Cookie", "zone="+zone); !strings.Contains(a.body, want) {
			t.Errorf("in %s the page does not say %s", zone, want)
		}
	}
	for _, zone := range []string{"..%2F..%2Fetc%2Fpasswd", "/etc/passwd", "%zz", "Nowhere"} {
		if a := s.do(t, "GET", "/servers/a", "", "Cookie", "zone="+zone); a.status != 200 {
			t.Errorf("zone %s: got %d", zone, a.status)
		}
	}
}
