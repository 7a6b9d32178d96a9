package browser

import (
	"context"
	"testing"
)

// Call brings a whole answer, whatever its status, sends the method it was told, and holds nothing after.
func TestCall(t *testing.T) {
	srv := serve(t, func(r request) {
		if r.req.Get("method").String() == "DELETE" {
			r.head(404, "application/problem+json")
		} else {
			r.head(200, "application/json")
		}
		r.write(`{"method":"` + r.req.Get("method").String() + `","accept":"` + r.header("Accept") + `"}`)
		r.res.Call("end")
	})
	held := Held()
	for _, c := range []struct {
		method, body string
		status       int
	}{
		{"GET", `{"method":"GET","accept":"application/json"}`, 200},
		{"DELETE", `{"method":"DELETE","accept":"application/json"}`, 404},
	} {
		status, body, err := Call(context.Background(), c.method, srv.url)
		if err != nil || status != c.status || string(body) != c.body {
			t.Errorf("%s: got %d, %q, %v, want %d, %q", c.method, status, body, err, c.status, c.body)
		}
	}
	if _, _, err := Call(context.Background(), "GET", "http://127.0.0.1:1/"); err == nil {
		t.Error("an answer from nobody")
	}
	if Held() != held {
		t.Errorf("%d callbacks are held, were %d", Held(), held)
	}
}
