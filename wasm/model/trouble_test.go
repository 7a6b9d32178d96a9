package model

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// turns are the Turns of a Model as one text.
func turns(list []Turn) string {
	var all []string
	for _, t := range list {
		all = append(all, fmt.Sprint(t.Server, " ", [...]string{"error", "offline", "failed", "well"}[t.What], " ", t.Reason))
	}
	return strings.Join(all, "; ")
}

func TestTurns(t *testing.T) {
	for _, tt := range []struct {
		name string
		say  []string // type and data in turn
		want string
		now  int // in trouble at the end
	}{
		{"an error", []string{"server:error", `{"message":"disk full"}`}, "s error disk full", 1},
		{"said again", []string{"server:error", `{"message":"disk full"}`, "server:error", `{"message":"disk full"}`}, "s error disk full", 1},
		{"unasked", []string{"server:online", "", "server:offline", `{"reason":"crashed"}`}, "s offline crashed", 1},
		{"asked for", []string{"server:online", "", "server:offline", `{"reason":"stopped"}`}, "", 0},
		{"from one into the other", []string{"server:error", `{"message":"a"}`, "server:offline", `{"reason":"b"}`}, "s error a; s offline b", 1},
		{"and well again", []string{"server:error", `{"message":"a"}`, "server:online", "", "server:busy", ""}, "s error a; s well ", 0},
		{"stopped is well", []string{"server:error", `{"message":"a"}`, "server:offline", `{"reason":"stopped"}`}, "s error a; s well ", 0},
		{"a deployment", []string{"deployment:started", `{"id":"d","version":"2"}`, "deployment:failed", `{"id":"d","error":"no room"}`}, "s failed no room", 0},
		{"one that ends well", []string{"deployment:started", `{"id":"d"}`, "deployment:completed", `{"id":"d"}`}, "", 0},
		{"what else there is", []string{"metrics:cpu", `{"usage":99}`, "logs:error", `{"message":"no"}`, "backup:failed", ""}, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for i := 0; i < len(tt.say); i += 2 {
				w.say("s", tt.say[i], tt.say[i+1])
			}
			got, n := w.m.TurnsSince(0)
			equal(t, "turns", turns(got), tt.want)
			equal(t, "in trouble", w.m.InTrouble(), tt.now)
			more, same := w.m.TurnsSince(n)
			equal(t, "news after that", len(more), 0)
			equal(t, "their number", same, n)
		})
	}
}

// What a picture shows is no news, however young; what was missed is while it is not a minute old.
func TestNoTurnIsOfThePast(t *testing.T) {
	w := &world{t: t, m: New(), now: noon}
	w.link(feed.CatchingUp)
	w.control(event.StreamSync.Name(), `{"mode":"fresh"}`)
	w.say("a", "server:error", `{"message":"of the picture"}`)
	w.beat()
	w.link(feed.Live)
	w.say("b", "server:error", `{"message":"live"}`)
	w.link(feed.Reconnecting)
	w.link(feed.CatchingUp)
	w.control(event.StreamSync.Name(), `{"mode":"resumed"}`)
	missed := w.now
	told := func(ago time.Duration, server, typ, data string) { // on the way for so long
		w.now = missed.Add(-ago)
		e := w.make(server, typ, data)
		w.now = missed
		w.batch(e)
	}
	told(2*time.Minute, "c", "server:offline", `{"reason":"missed"}`)
	told(2*time.Minute, "a", "server:online", "")
	told(61*time.Second, "c", "deployment:failed", `{"error":"missed"}`)
	told(time.Minute, "d", "server:error", `{"message":"just now"}`)
	told(0, "d", "deployment:failed", `{"error":"now"}`)
	w.beat()
	w.link(feed.Live)
	got, _ := w.m.TurnsSince(0)
	equal(t, "turns", turns(got), "b error live; d error just now; d failed now")
	equal(t, "in trouble", w.m.InTrouble(), 3)

	w.control(event.StreamSync.Name(), `{"mode":"fresh"}`) // there is no going on from where it was
	w.say("e", "server:error", `{"message":"of the next picture"}`)
	w.beat()
	got, _ = w.m.TurnsSince(0)
	equal(t, "turns after another picture", len(got), 3)
}

// Who is polled for hears all between a sync and a heartbeat, and is told of it all the same.
func TestTurnsArePolledFor(t *testing.T) {
	w := newWorld(t)
	w.say("s", "server:online", "")
	w.link(feed.Polling)
	for range 2 {
		w.pass(5 * time.Second)
		w.control(event.StreamSync.Name(), `{"mode":"resumed","poll":true}`)
		w.say("s", "server:error", `{"message":"disk full"}`)
		w.say("s", "server:online", "")
		w.beat()
	}
	got, _ := w.m.TurnsSince(0)
	equal(t, "turns", turns(got), "s error disk full; s well ; s error disk full; s well ")
}

func TestTurnsAreBounded(t *testing.T) {
	w := newWorld(t)
	_, before := w.m.TurnsSince(0)
	for i := range 3 * MaxTurns {
		w.say(fmt.Sprint("s", i), "server:error", `{"message":"no"}`)
	}
	got, n := w.m.TurnsSince(before)
	if len(got) != MaxTurns || n != 3*MaxTurns || got[MaxTurns-1].Server != fmt.Sprint("s", 3*MaxTurns-1) {
		t.Errorf("%d turns of %d, the last of %s", len(got), n, got[len(got)-1].Server)
	}
	if got, _ := w.m.TurnsSince(n + 1000); len(got) != 0 {
		t.Errorf("%d turns after what never was", len(got))
	}
}
