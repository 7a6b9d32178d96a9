package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/web"
)

func places(frames []frame, typ string) []string {
	var out []string
	for _, f := range frames {
		if f.event == typ {
			out = append(out, f.id)
		}
	}
	return out
}

func TestStreamFresh(t *testing.T) {
	s := open(t, nil)
	empty := s.follow(t, "/api/events")
	if got := empty.until("stream:heartbeat"); len(got) != 2 || got[0].event != "stream:sync" || !strings.HasSuffix(got[1].id, ".0") || field(t, got[0].data, "place") != "" {
		t.Errorf("an empty record: got %v, want sync without a place, and a heartbeat at the one before all", got)
	}
	ids := s.publish(t, "/api/servers/web-1/events", `[{"type":"server:online"},{"type":"metrics:cpu","data":{"usage":1}},{"type":"metrics:cpu","data":{"usage":2}},{"type":"logs:app","data":{"level":"info","message":"hi"}}]`)
	if got := empty.until("logs:app"); len(got) != 4 {
		t.Errorf("live: got %v, want the four events", got)
	}

	f := s.follow(t, "/api/servers/web-1/events")
	for key, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no", "Content-Encoding": "",
	} {
		if got := f.head.Get(key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	got := f.until("stream:heartbeat")
	sync := got[0]
	if sync.event != "stream:sync" || sync.id != "" || field(t, sync.data, "mode") != "fresh" || field(t, sync.data, "place") != ids[3] ||
		field(t, sync.data, "version") != "v-test" || field(t, sync.data, "heartbeatMs") != "3.6e+06" {
		t.Errorf("got first %v, want a fresh sync at %s", sync, ids[3])
	}
	var picture []string
	for _, fr := range got[1 : len(got)-1] {
		picture = append(picture, fr.id)
	}
	if want := []string{ids[0], ids[2], ids[3]}; !slices.Equal(picture, want) {
		t.Errorf("picture: got %v, want %v: the latest of each type, in order", picture, want)
	}
	if beat := got[len(got)-1]; beat.id != ids[3] || field(t, beat.data, "place") != ids[3] {
		t.Errorf("first heartbeat: got %v, want it at %s", beat, ids[3])
	}
	if !slices.Equal(f.retry, []time.Duration{time.Second}) {
		t.Errorf("retry: got %v, want 1s", f.retry)
	}
}

// A stream that resumes goes on exactly after the place it names: by header, by parameter, and with the header winning.
func TestStreamResumes(t *testing.T) {
	s := open(t, nil)
	var ids []string
	for i := range 30 {
		ids = append(ids, s.publish(t, "/api/servers/a/events", fmt.Sprintf(`{"type":"metrics:cpu","data":{"usage":%d}}`, i))...)
	}
	for _, row := range []struct {
		name, path, header string
		after              int
	}{
		{"header", "/api/servers/a/events", ids[9], 9},
		{"parameter", "/api/servers/a/events?lastEventId=" + ids[19], "", 19},
		{"both", "/api/servers/a/events?lastEventId=" + ids[3], ids[24], 24},
		{"nothing missed", "/api/servers/a/events", ids[29], 29},
		{"two question marks", "/api/servers/a/events?types=metrics:*?auth=secret?lastEventId=" + ids[14], "", 14},
		{"all servers", "/api/events?servers=a,b-*", ids[9], 9},
	} {
		t.Run(row.name, func(t *testing.T) {
			var header []string
			if row.header != "" {
				header = []string{"Last-Event-ID", row.header}
			}
			f := s.follow(t, row.path, header...)
			got := f.until("stream:heartbeat")
			if field(t, got[0].data, "mode") != "resumed" || field(t, got[0].data, "after") != ids[row.after] {
				t.Errorf("got sync %v, want resumed after %s", got[0], ids[row.after])
			}
			if got, want := places(got, "metrics:cpu"), ids[row.after+1:]; !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestStreamResets(t *testing.T) {
	s := open(t, nil)
	id := s.publish(t, "/api/servers/a/events", `{"type":"server:online"}`)[0]
	s.follow(t, "/api/events").until("server:online") // it is in the picture
	epoch, _, _ := strings.Cut(id, ".")
	for _, row := range []struct{ name, lastID, reason string }{
		{"another life", "1.5", "epoch"},
		{"ahead", epoch + ".99", "ahead"},
		{"another program's", "not a place", "unknown"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := s.follow(t, "/api/events", "Last-Event-ID", row.lastID).until("stream:heartbeat")
			if field(t, got[0].data, "mode") != "reset" || field(t, got[0].data, "reason") != row.reason || field(t, got[0].data, "after") != "" {
				t.Errorf("got sync %v, want a reset for %s", got[0], row.reason)
			}
			if got := places(got, "server:online"); !slices.Equal(got, []string{id}) {
				t.Errorf("got %v, want the picture", got)
			}
		})
	}
}

// Heartbeats move a stream's place on, whatever passes its filter, and come also while events do.
func TestHeartbeats(t *testing.T) {
	s := open(t, func(c *web.Config) { c.Heartbeat = 20 * time.Millisecond })
	f := s.follow(t, "/api/servers/quiet/events?types=server:*")
	f.until("stream:heartbeat")
	id := s.publish(t, "/api/servers/loud/events", `{"type":"metrics:cpu","data":{"usage":1}}`)[0]
	for {
		fr, ok := f.next()
		if !ok || fr.event != "stream:heartbeat" {
			t.Fatalf("got %v, want nothing but heartbeats", fr)
		}
		if fr.id == id {
			break
		}
	}
	got := s.follow(t, "/api/servers/quiet/events?types=server:*", "Last-Event-ID", id).until("stream:heartbeat")
	if field(t, got[0].data, "mode") != "resumed" || len(got) != 2 {
		t.Errorf("got %v, want to resume where the heartbeat was", got)
	}
}

func TestStreamFilters(t *testing.T) {
	s := open(t, nil)
	f := s.follow(t, "/api/events?servers=web-*,db&types=server:*&types=metrics:cpu")
	f.until("stream:heartbeat")
	s.publish(t, "/api/events", `[{"serverId":"web-1","type":"metrics:memory"},{"serverId":"db","type":"metrics:cpu","data":{"usage":1}},
		{"serverId":"cache","type":"server:online"},{"serverId":"web-2","type":"server:online"}]`)
	got := f.until("server:online")
	if len(got) != 2 || field(t, got[0].data, "serverId") != "db" || field(t, got[1].data, "serverId") != "web-2" {
		t.Errorf("got %v, want what passes and no more", got)
	}
}

// What a publisher writes arrives as it was, whatever there is in it.
func TestPayloadUntouched(t *testing.T) {
	s := open(t, nil)
	f := s.follow(t, "/api/events")
	f.until("stream:heartbeat")
	s.publish(t, "/api/servers/a/events", `{"type":"backup:finished","timestamp":"2026-01-02T03:04:05Z","source":"cron","data":{"id":7,"big":12345678901234567890.10,"nested":{"b":[1,null,"\u2028\n"]},"size":12}}`)
	got := f.until("backup:finished")[0].data
	want := `{"id":7,"timestamp":"2026-01-02T03:04:05.000Z","serverId":"a","source":"cron","big":12345678901234567890.10,"nested":{"b":[1,null,"\u2028\n"]},"size":12}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A server that ends says so in every stream, with a time to come back that is not the same for all, and then is gone.
func TestShutdown(t *testing.T) {
	s := open(t, nil)
	var streams []*follower
	for range 8 {
		f := s.follow(t, "/api/events")
		f.until("stream:heartbeat")
		streams = append(streams, f)
	}
	s.stop()
	waits := make(map[time.Duration]bool)
	for _, f := range streams {
		last := f.until("stream:closing")
		if got := last[len(last)-1]; field(t, got.data, "reason") != "shutdown" || field(t, got.data, "retryMs") != fmt.Sprint(f.retry[1].Milliseconds()) {
			t.Errorf("got %v with retry %v, want the shutdown told twice alike", got, f.retry)
		}
		if fr, ok := f.next(); ok {
			t.Errorf("got %v after the end", fr)
		}
		waits[f.retry[1]] = true
	}
	if len(waits) < 2 {
		t.Errorf("all %d streams were told to come back after %v", len(streams), streams[0].retry)
	}
}
