package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Who there is: each instance lists all, and says which is gone and since when.
func TestClusterList(t *testing.T) {
	t.Parallel()
	c := cluster(t, clusterOptions{})
	states := func(node int) string {
		var all []string
		for _, i := range c.list(node) {
			if i.State == "gone" && (i.GoneSince.IsZero() || time.Since(i.GoneSince) > time.Minute) {
				t.Errorf("gone since %v", i.GoneSince)
			}
			all = append(all, i.State)
		}
		return strings.Join(all, " ")
	}
	become := func(node int, want string) {
		t.Helper()
		eventually(t, want, func() (bool, string) { got := states(node); return got == want, got })
	}
	for i := range c.nodes {
		become(i, "up up up")
		if list := c.list(i); !list[0].Self || list[0].Address != c.addresses()[i] {
			t.Errorf("got %+v, want itself first, at %s", list, c.addresses()[i])
		}
	}
	o := c.open(c.nodes[1].url, "")
	eventually(t, "its stream to be counted", func() (bool, string) {
		list := c.list(0)
		n := 0
		for _, i := range list {
			n += i.Streams
		}
		return n == 1, fmt.Sprint(list)
	})
	o.cancel()
	c.nodes[1].kill()
	become(0, "up up gone")
	c.nodes[1].start()
	become(0, "up up up gone")
	c.nodes[2].stop()
	become(0, "up up gone ended")
}

// Redis stands still: streams stay open, beat on and say so, publishing is told to come again, readiness fails and health does not. When it
// goes on so does everything, in the same streams.
func TestClusterWithoutRedis(t *testing.T) {
	c := cluster(t, clusterOptions{args: []string{"--heartbeat", "300ms", "--redis-timeout", "1s"}})
	named := func(name string) func(event) bool { return func(e event) bool { return e.Event == name } }
	gap := func(reason string) func(event) bool {
		return func(e event) bool { return e.Event == "stream:gap" && e.Data["reason"] == reason }
	}
	var streams []*stream
	for _, n := range c.nodes {
		st := n.follow("/api/events", "")
		st.want("the picture", named("stream:heartbeat"))
		streams = append(streams, st)
	}
	c.redis.Pause()
	for _, st := range streams {
		st.want("word that the record is away", gap("pending"))
		st.want("a heartbeat all the same", named("stream:heartbeat"))
	}
	for i, n := range c.nodes {
		if status, _, body := c.ask("GET", n.url+"/readyz", "", ""); status != http.StatusServiceUnavailable {
			t.Errorf("instance %d: readyz: %d %s", i, status, body)
		}
		if status, _, _ := c.ask("GET", n.url+"/readyz?but=record", "", ""); status != http.StatusOK {
			t.Errorf("instance %d: readyz but for the record: %d", i, status)
		}
		if status, _, _ := c.ask("GET", n.url+"/healthz", "", ""); status != http.StatusOK {
			t.Errorf("instance %d: healthz: %d", i, status)
		}
		if status, _, body := c.ask("GET", n.url+"/api/cluster", "", ""); status != 200 || !strings.Contains(body, "recordAwaySince") {
			t.Errorf("instance %d: cluster: %d %s", i, status, body)
		}
	}
	status, header, body := c.ask("POST", c.nodes[0].url+"/api/servers/web-1/events", "", `{"type":"backup:finished","data":{}}`)
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("publishing: %d, Retry-After %q: %s", status, header.Get("Retry-After"), body)
	}
	late := c.nodes[1].follow("/api/events", "")
	late.want("word that the record is away", gap("pending"))
	c.redis.Resume()
	for _, st := range append(streams, late) {
		st.want("word that it is back", gap("settled"))
	}
	eventually(t, "all to be ready", func() (bool, string) {
		for _, n := range c.nodes {
			if status, _, body := c.ask("GET", n.url+"/readyz", "", ""); status != 200 {
				return false, body
			}
		}
		return true, ""
	})
	c.nodes[2].publish("web-1", `{"type":"backup:finished","data":{"n":7}}`)
	for _, st := range append(streams, late) {
		st.want("what is published now", func(e event) bool { return e.Data["n"] == 7. })
	}
}

// Behind nginx too: that the record is away counts against no instance, however many are told so. Who comes meanwhile gets a stream that says it, and
// Telltale's own word where he asks for anything else; and when Redis goes on, nobody has to wait for nginx.
func TestClusterWithoutRedisBehindNginx(t *testing.T) {
	t.Parallel()
	c := cluster(t, clusterOptions{args: []string{"--heartbeat", "300ms", "--redis-timeout", "200ms"}})
	front := &server{t: t, url: c.behindNginx()}
	pending := func(e event) bool { return e.Event == "stream:gap" && e.Data["reason"] == "pending" }
	c.redis.Pause()
	for i, n := range c.nodes {
		eventually(t, fmt.Sprintf("instance %d to notice", i), func() (bool, string) {
			status, _, body := c.ask("GET", n.url+"/readyz", "", "")
			return status == http.StatusServiceUnavailable, body
		})
	}
	for i := range 9 {
		method, path, body := "GET", "/readyz", ""
		if i%3 == 1 {
			method, path, body = "POST", "/api/servers/web-1/events", `{"type":"backup:finished","data":{}}`
		}
		status, header, answer := c.ask(method, front.url+path, "", body)
		if status != http.StatusServiceUnavailable || header.Get("Content-Type") != "application/problem+json" {
			t.Fatalf("%s %s, the %d. request: %d %s, want what an instance says", method, path, i+1, status, answer)
		}
	}
	st := front.follow("/api/events", "")
	st.want("word that the record is away", pending)
	c.redis.Resume()
	for _, n := range c.nodes {
		eventually(t, "all to be ready", func() (bool, string) {
			status, _, body := c.ask("GET", n.url+"/readyz", "", "")
			return status == 200, body
		})
	}
	front.publish("web-1", `{"type":"backup:finished","data":{"n":7}}`)
	st.want("what is published now", func(e event) bool { return e.Data["n"] == 7. })
}

// A user holds at most as many streams as he may over all instances, also right after one of them was killed; and a revocation on one
// instance ends his streams on all.
func TestClusterUsers(t *testing.T) {
	t.Parallel()
	c := cluster(t, clusterOptions{tokens: true, args: []string{"--heartbeat", "1s", "--streams-per-user", "10"}})
	ada := c.tokenFor("ada", "subscribe")
	sessions := func() (sum int) {
		for _, n := range c.nodes {
			select {
			case <-n.exited:
				continue
			default:
			}
			sum += c.held(n, "?user=ada")
		}
		if sum > 10 {
			t.Errorf("ada has %d streams", sum)
		}
		return sum
	}
	over := func(node int) {
		t.Helper()
		o := c.open(c.nodes[node].url, ada)
		eventually(t, "one too many to be turned into a poll", func() (bool, string) { return o.ended.Load(), "" })
		if !strings.Contains(o.words.String(), "stream:limit") {
			t.Errorf("got %s", o.words.String())
		}
	}
	var all []*opened
	for i := range 10 {
		all = append(all, c.open(c.nodes[i%3].url, ada))
	}
	if n := sessions(); n != 10 {
		t.Fatalf("ada has %d streams, want 10", n)
	}
	for _, n := range c.nodes {
		if _, _, body := c.ask("GET", n.url+"/api/sessions", ada, ""); strings.Count(body, `"instance":`) != 10 || strings.Contains(body, `"partial"`) {
			t.Errorf("one instance lists %s, want all ten", body)
		}
	}
	for i := range c.nodes {
		over(i)
	}
	c.nodes[0].kill() // with four of hers
	over(1)           // their leases have not run out
	over(2)
	sessions()
	eventually(t, "the dead one's places to be free", func() (bool, string) {
		all = append(all, c.open(c.nodes[1].url, ada))
		n := sessions()
		return n == 10, fmt.Sprint(n)
	})
	over(2)
	c.nodes[0].start()
	over(0)

	status, _, body := c.ask("POST", c.nodes[2].url+"/api/admin/revoke", c.token, `{"user":"ada","reason":"left"}`)
	if status != 200 {
		t.Fatalf("revoke: %d %s", status, body)
	}
	eventually(t, "all her streams to end", func() (bool, string) { n := sessions(); return n == 0, fmt.Sprint(n) })
	for _, o := range all {
		eventually(t, "each to be told", func() (bool, string) { return o.ended.Load(), "" })
	}
	eventually(t, "her token to be no good anywhere", func() (bool, string) {
		status, _, _ := c.ask("GET", c.nodes[0].url+"/api/me", ada, "")
		return status == http.StatusUnauthorized, fmt.Sprint(status)
	})
	if left := c.redis.Do("KEYS", "*streams:*"); left != "" {
		eventually(t, "no lease to be left", func() (bool, string) { left := c.redis.Do("KEYS", "*streams:*"); return left == "", left })
	}
}

// A ticket that one instance gave is good at another, once.
func TestClusterTickets(t *testing.T) {
	t.Parallel()
	c := cluster(t, clusterOptions{tokens: true})
	status, _, body := c.ask("POST", c.nodes[0].url+"/api/tickets", c.token, `{"for":"stream"}`)
	var got struct{ URL string }
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %v: %s", status, err, body)
	}
	st := c.nodes[1].follow(got.URL, "")
	st.want("a stream", func(e event) bool { return e.Event == "stream:heartbeat" })
	if status, _, body := c.ask("GET", c.nodes[2].url+got.URL, "", ""); status != http.StatusUnauthorized {
		t.Errorf("it was good twice: %d %s", status, body)
	}
}

// Behind both balancers streams are spread, one that is cut by a killed instance goes on at another, and an instance that drains gets no new ones.
func TestClusterBehindBalancers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		front func(*many) string
	}{{"nginx", (*many).behindNginx}, {"caddy", (*many).behindCaddy}} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := cluster(t, clusterOptions{args: []string{"--heartbeat", "1s", "--drain", "6s"}})
			front := &server{t: t, url: row.front(c)}
			counts := func() (out []int) {
				for _, n := range c.nodes {
					out = append(out, c.held(n, "?user=*"))
				}
				return out
			}
			var all []*opened
			for range 9 {
				all = append(all, c.open(front.url, ""))
			}
			eventually(t, "three streams each", func() (bool, string) {
				got := counts()
				return fmt.Sprint(got) == "[3 3 3]", fmt.Sprint(got)
			})
			// What is published through it arrives through it, one by one.
			st := front.follow("/api/events", "")
			for i := range 3 {
				front.publish("web-1", fmt.Sprintf(`{"type":"backup:finished","data":{"n":%d}}`, i))
				st.want("what was published", func(e event) bool { return e.Data["n"] == float64(i) })
			}
			last := ""
			front.publish("web-1", `{"type":"backup:finished","data":{"n":3}}`)
			for _, e := range st.want("one more", func(e event) bool { return e.Data["n"] == 3. }) {
				last = e.ID
			}
			st.close()
			c.nodes[0].kill()
			front.publish("web-1", `{"type":"backup:finished","data":{"n":4}}`)
			for range 6 { // whichever is asked first
				again := front.follow("/api/events", last)
				if got := again.want("what was missed", func(e event) bool { return e.Data["n"] == 4. }); len(got) != 1 {
					t.Errorf("resumed with %v", got)
				}
				again.close()
			}
			c.nodes[0].start()

			// The second drains: its streams go on for a while, and none comes to it.
			before := 0
			for _, o := range all {
				if !o.ended.Load() {
					before++
				}
			}
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				c.nodes[1].stop()
			}()
			eventually(t, "it to be not ready", func() (bool, string) {
				status, _, _ := c.ask("GET", c.nodes[1].url+"/readyz", "", "")
				return status == http.StatusServiceUnavailable, fmt.Sprint(status)
			})
			if row.name == "caddy" { // which has to find out
				eventually(t, "Caddy to know", func() (bool, string) {
					was := counts()
					for range 3 {
						c.open(front.url, "")
					}
					now := counts() // it had fewest, and got none
					return now[1] == was[1] && now[1] > 0 && was[1] < min(was[0], was[2]), fmt.Sprint(was, now)
				})
			}
			was := counts()[1]
			for range 6 {
				all = append(all, c.open(front.url, ""))
			}
			if now := counts()[1]; now > was {
				t.Errorf("it drains, and had %d streams and has %d", was, now)
			}
			if was == 0 {
				t.Error("it has let its streams go before its time")
			}
			<-stopped
			for _, o := range all[len(all)-6:] {
				if o.ended.Load() || o.status != 200 {
					t.Errorf("one of those that were opened meanwhile has ended: %d", o.status)
				}
			}
		})
	}
}
