package model

import (
	"fmt"
	"testing"
	"time"
)

func crowd(i int) string { return fmt.Sprint("s", i) }

// More servers than there is room for, all of them heard: those that were here stay as they are, and the others are counted.
func TestServersBeyondTheBoundArePassedOver(t *testing.T) {
	w := newWorld(t)
	const more = 7
	w.say("crashed", "server:offline", `{"reason":"crashed"}`)
	for i := range MaxServers - 1 {
		w.say(crowd(i), "server:online", "")
	}
	for range 3 {
		w.pass(time.Second)
		for i := range MaxServers - 1 + more {
			w.say(crowd(i), "metrics:cpu", `{"usage":5}`)
		}
	}
	n := w.m.Counts()
	if n[Online] != MaxServers-1 || n[Offline] != 1 || n[Unknown] != 0 {
		t.Errorf("by state: %v", n)
	}
	equal(t, "forgotten", w.m.Forgotten, more)
	equal(t, "one of them is absent", w.m.Absent(crowd(MaxServers)), true)
	equal(t, "one that is here is absent", w.m.Absent("crashed"), false)
	w.say(crowd(MaxServers), "logs:app", `{"message":"of one that is not here"}`)
	w.say(crowd(MaxServers), "server:error", "")
	equal(t, "its line", w.m.Log.Len(), 1)
	equal(t, "its event", w.m.Recent[len(w.m.Recent)-1].Server, crowd(MaxServers))

	// There is room again: first goes who is silent and well, and only then who is silent and in trouble.
	w.pass(silentFor)
	for i := range MaxServers - 3 {
		w.say(crowd(i), "metrics:cpu", `{"usage":5}`)
	}
	for i, gone := range []string{crowd(MaxServers - 3), crowd(MaxServers - 2), "crashed"} {
		if w.m.Server(gone) == nil {
			t.Fatalf("%s went too soon", gone)
		}
		w.say(crowd(MaxServers+i), "server:online", "")
		if w.m.Server(gone) != nil || w.m.Server(crowd(MaxServers+i)) == nil {
			t.Errorf("%s has not given way to newcomer %d", gone, i)
		}
	}
	w.say("late", "server:online", "")
	equal(t, "a newcomer among those that are heard", w.m.Server("late") == nil, true)
	equal(t, "forgotten", w.m.Forgotten, more-3+3+1)
	equal(t, "servers", len(w.m.Servers()), MaxServers)
}

// A picture has the old events first: nobody is silent before all of it is here.
func TestAPictureOfTooManyServersLosesNoState(t *testing.T) {
	for _, mode := range []string{"fresh", "resumed"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t)
			const heard, dead = MaxServers - 50, 150
			w.control("stream:sync", `{"mode":"`+mode+`"}`)
			later := w.now
			w.now = later.Add(-time.Hour)
			for i := range heard + dead {
				w.say(crowd(i), "server:online", "")
			}
			w.now = later
			for i := range heard {
				w.say(crowd(i), "metrics:cpu", `{"usage":5}`)
			}
			equal(t, "before it is whole", len(w.m.Servers()), heard+dead)
			w.beat()
			equal(t, "servers", len(w.m.Servers()), MaxServers)
			equal(t, "online", w.m.Counts()[Online], MaxServers)
			for i := range heard {
				if s := w.m.Server(crowd(i)); s == nil || s.CPU.Usage != 5 {
					t.Fatalf("%s was heard and is gone", crowd(i))
				}
			}
			equal(t, "forgotten", w.m.Forgotten, heard+dead-MaxServers)

			w.control("stream:sync", `{"mode":"`+mode+`"}`)
			w.pass(time.Second)
			for i := range 3 * MaxServers {
				w.say(fmt.Sprint("x", i), "server:online", "")
			}
			equal(t, "however many come", len(w.m.Servers()), 2*MaxServers)
			w.beat()
			equal(t, "and then", len(w.m.Servers()), MaxServers)
			if w.m.Server(crowd(0)) == nil {
				t.Error("who was here gave way to who came last, and both are heard")
			}
		})
	}
}

func TestAbsentServersAreBounded(t *testing.T) {
	w := newWorld(t)
	for i := range MaxServers + MaxAbsent + 10 {
		w.say(crowd(i), "metrics:cpu", `{"usage":5}`)
	}
	equal(t, "forgotten", w.m.Forgotten, MaxAbsent)
	w.control("stream:reset", `{}`)
	equal(t, "forgotten after a new beginning", w.m.Forgotten, 0)
	equal(t, "absent after a new beginning", w.m.Absent(crowd(MaxServers)), false)
}
