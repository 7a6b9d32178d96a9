package web_test

import (
	"strings"
	"testing"
)

// A browser that shows pages gets one where there is nothing, with the way home; programs, and who asks for anything, the problem.
func TestNotFoundForPeople(t *testing.T) {
	s := open(t, nil)
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, row := range []struct {
		method, path, accept string
		page                 bool
	}{
		{"GET", "/nope", browser, true},
		{"GET", "/servers/a/b", browser, true},
		{"GET", "/%3Cscript%3E", browser, true},
		{"GET", "/nope", "*/*", false},
		{"GET", "/nope", "", false},
		{"GET", "/nope", "application/json", false},
		{"POST", "/nope", browser, false},
		{"GET", "/api/nope", browser, false},
	} {
		a := s.do(t, row.method, row.path, "", "Accept", row.accept)
		media := a.header.Get("Content-Type")
		if row.page {
			if a.status != 404 || media != "text/html; charset=utf-8" || !strings.Contains(a.body, `href="/"`) || strings.Contains(a.body, "<script>") || a.header.Get("Content-Security-Policy") == "" {
				t.Errorf("%s %s for %q: got %d %s, want a page:\n%s", row.method, row.path, row.accept, a.status, media, a.body)
			}
		} else if a.status != 404 || media != "application/problem+json" {
			t.Errorf("%s %s for %q: got %d %s, want the problem", row.method, row.path, row.accept, a.status, media)
		}
	}
}
