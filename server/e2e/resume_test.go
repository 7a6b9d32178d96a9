package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// endings are the ways a server ends before it is started again.
var endings = []struct {
	name string
	end  func(*server)
}{
	{"kill -9", (*server).kill},
	{"SIGTERM", (*server).stop},
}

// A plain HTTP client that says where it was gets exactly what came after, whatever happened to the server meanwhile.
func TestStreamResumes(t *testing.T) {
	for _, ending := range endings {
		t.Run(ending.name, func(t *testing.T) {
			s := serve(t, "--no-host")
			const path = "/api/servers/web-1/events"
			st := s.follow(path, "")
			s.publish("web-1", lines(1, 5))
			seen := st.want("the fifth line", message("line 5"))
			sameList(t, "live", field(seen, "message"), numbered(1, 5))

			ending.end(s)
			if e, err := st.next(); err == nil && e.Event != "stream:closing" {
				t.Errorf("after the server's end the stream says %v", e)
			}
			st.close()
			s.start()

			s.publish("web-1", lines(6, 8))
			s.publish("other", lines(1, 2))
			for _, resume := range []struct {
				name string
				from int // how many of the lines the client has seen
				open func(place string) *stream
			}{
				{"Last-Event-ID", 3, func(place string) *stream { return s.follow(path, place) }},
				{"lastEventId", 4, func(place string) *stream { return s.follow(path+"?lastEventId="+place, "") }},
				{"everything seen", 5, func(place string) *stream { return s.follow(path, place) }},
			} {
				st := resume.open(seen[resume.from-1].ID)
				if first, err := st.next(); err != nil || first.Event != "stream:sync" || first.Data["mode"] != "resumed" {
					t.Errorf("%s: begins with %v, %v, want stream:sync that says resumed", resume.name, first, err)
				}
				// The first heartbeat says that all that was missed is in.
				missed := st.want("the first heartbeat", func(e event) bool { return e.Event == "stream:heartbeat" })
				sameList(t, resume.name, field(missed, "message"), numbered(resume.from+1, 8))
				st.close()
			}
			rising(t, s.record("web-1", "*"))
		})
	}
}

// What was acknowledged is in the record: exactly once, in order, after the hardest end there is.
func TestKillWhilePublishing(t *testing.T) {
	const publishers, enough = 64, 2000
	s := serve(t, "--no-host")

	transport := &http.Transport{MaxIdleConnsPerHost: publishers}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}

	var mu sync.Mutex // guards acked
	var acked []string
	full := make(chan struct{})
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%d-%d", p, n)
				body := fmt.Sprintf(`{"type":"logs:app","id":%q,"data":{"level":"info","message":"from %s"}}`, key, key)
				res, err := client.Post(s.url+"/api/servers/web-1/events", "application/json", strings.NewReader(body))
				if err != nil {
					return // the end
				}
				res.Body.Close()
				if res.StatusCode != http.StatusAccepted {
					t.Errorf("publishing %s: %s", key, res.Status)
					return
				}
				mu.Lock()
				if acked = append(acked, key); len(acked) == enough {
					close(full)
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-full:
	case <-within(t).Done():
		t.Error("too few events were acknowledged in time")
	}
	s.kill()
	wg.Wait()
	s.start()

	recorded := s.record("web-1", "logs:app")
	rising(t, recorded)
	times := make(map[string]int)
	last := make(map[string]int) // of each publisher, the number of its newest event so far
	for _, key := range field(recorded, "id") {
		times[key]++
		p, number, _ := strings.Cut(key, "-")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatalf("recorded an event nobody published: %q", key)
		}
		if before, ok := last[p]; ok && n <= before {
			t.Errorf("publisher %s: %d is recorded after %d", p, n, before)
		}
		last[p] = n
	}
	for _, key := range acked {
		if times[key] != 1 {
			t.Errorf("%s was acknowledged and is %d times in the record, want once", key, times[key])
		}
	}
	// Of each publisher at most the one event under way when the end came may be there without its acknowledgement.
	if extra := len(recorded) - len(acked); extra < 0 || extra > publishers {
		t.Errorf("%d events recorded, %d acknowledged", len(recorded), len(acked))
	}

	s.publish("web-1", lines(1, 1))
	again := s.record("web-1", "logs:app")
	if len(again) != len(recorded)+1 {
		t.Errorf("after the restart and one more event: %d events, want %d", len(again), len(recorded)+1)
	}
	rising(t, again)

	// A publisher that does not know whether it was heard says it again, and nothing is there twice.
	for _, key := range acked[len(acked)-publishers:] {
		s.publish("web-1", fmt.Sprintf(`{"type":"logs:app","id":%q,"data":{"level":"info","message":"again"}}`, key))
	}
	if n := len(s.record("web-1", "logs:app")); n != len(again) {
		t.Errorf("after repeating %d events there are %d, want still %d", publishers, n, len(again))
	}
}

// lines is a body of log lines, "line from" to "line to".
func lines(from, to int) string {
	var all []string
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprintf(`{"type":"logs:app","data":{"level":"info","message":"line %d"}}`, i))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// numbered is what lines says.
func numbered(from, to int) []string {
	all := []string{}
	for i := from; i <= to; i++ {
		all = append(all, "line "+strconv.Itoa(i))
	}
	return all
}

func message(text string) func(event) bool {
	return func(e event) bool { return e.Data["message"] == text }
}

// rising fails the test unless all places are of one epoch and rise.
func rising(t *testing.T, events []event) {
	t.Helper()
	var epoch string
	var before uint64
	for _, e := range events {
		life, number, ok := strings.Cut(e.ID, ".")
		seq, err := strconv.ParseUint(number, 10, 64)
		if !ok || err != nil {
			t.Fatalf("the place of an event is %q, want epoch.seq", e.ID)
		}
		if epoch != "" && life != epoch {
			t.Errorf("epoch %s after %s", life, epoch)
		}
		if seq <= before {
			t.Errorf("place %s after %d", e.ID, before)
		}
		epoch, before = life, seq
	}
	if places := slices.Compact(ids(events)); len(places) != len(events) {
		t.Errorf("%d events at %d places", len(events), len(places))
	}
}

func ids(events []event) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.ID)
	}
	return all
}
