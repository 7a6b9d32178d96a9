package web

import (
	"net/http/httptest"
	"testing"
)

// Only who asks others is told with 502, only of what others can do, and only where he would ask again: what is sent he does not send twice, so there
// the answer is for who sent it.
func TestWhoIsPassedOn(t *testing.T) {
	for _, row := range []struct {
		method, retries string
		p               *problem
		want            int
	}{
		{"GET", "502", starting(), 502},
		{"HEAD", "502", ending(), 502},
		{"GET", "", starting(), 503},
		{"GET", "503", starting(), 503},
		{"POST", "502", ending(), 503},
		{"DELETE", "502", ending(), 503},
		{"GET", "502", fail(503, "The record is away."), 503},
		{"GET", "502", fail(404, "There is no such thing."), 404},
	} {
		r := httptest.NewRequest(row.method, "/", nil)
		if row.retries != "" {
			r.Header.Set("Telltale-Retries", row.retries)
		}
		if got := row.p.passOn(r).Status; got != row.want {
			t.Errorf("%s with %q, %v: got %d, want %d", row.method, row.retries, row.p, got, row.want)
		}
	}
}
