package model

import (
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// A page that is opened after a server fell silent has seen no interval between its samples, and says so all the same: by what it reads back
// of the last minutes, or when nobody who is measured is silent for so long. Who is never measured says nothing by saying nothing.
func TestAPageOpenedAfterTheSilence(t *testing.T) {
	every := func(d time.Duration, from, to time.Duration) (ago []time.Duration) {
		for at := from; at >= to; at -= d {
			ago = append(ago, at)
		}
		return ago
	}
	const sec, minute = time.Second, time.Minute
	for _, tt := range []struct {
		name   string
		typ    string
		said   time.Duration   // before now: the newest event of the type, which the picture has
		recall []time.Duration // before now: what is read back, thinned to one in five seconds
		lately time.Duration   // before now: a line; 0: none
		want   bool
	}{
		{"minutes ago", "metrics:cpu", 6 * minute, nil, 0, true},
		{"a type of its own, minutes ago", "metrics:queue", 6 * minute, nil, 0, true},
		{"not so long, and nobody knows how often", "metrics:cpu", 4 * minute, nil, 0, false},
		{"not so long, and it spoke every five seconds", "metrics:cpu", 4 * minute, every(5*sec, 5*minute, 4*minute), 0, true},
		{"just now, and it spoke every five seconds", "metrics:cpu", 9 * sec, every(5*sec, 5*minute, 14*sec), 0, false},
		{"it speaks every minute", "metrics:cpu", 90 * sec, every(minute, 5*minute-30*sec, 90*sec), 0, false},
		{"it spoke every minute", "metrics:cpu", 150 * sec, every(minute, 5*minute-30*sec, 150*sec), 0, true},
		{"it has something else to say", "metrics:cpu", 6 * minute, nil, minute, false},
		{"it is never measured", "backup:finished", time.Hour, nil, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.pass(2 * time.Hour)
			now := w.now
			at := func(ago time.Duration, typ string) event.Event {
				w.now = now.Add(-ago)
				defer func() { w.now = now }()
				return w.make("s", typ, "")
			}
			w.link(feed.CatchingUp)
			w.control("stream:sync", `{"mode":"fresh","serverTime":"`+now.Format(time.RFC3339)+`"}`)
			w.batch(at(3*time.Hour, "server:online"), at(tt.said, tt.typ))
			if tt.lately > 0 {
				w.batch(at(tt.lately, "logs:app"))
			}
			w.beat()
			w.link(feed.Live)
			var past []event.Event
			for _, ago := range tt.recall {
				past = append(past, at(ago, tt.typ))
			}
			w.m.Recall(past, 5*time.Second)
			equal(t, "aged", w.m.Aged(w.m.Server("s"), w.now), tt.want)
			// Heard again, it is here again, and from the next word on it is known how often.
			w.say("s", tt.typ, "")
			equal(t, "aged when it is heard", w.m.Aged(w.m.Server("s"), w.now), false)
		})
	}
}

// Who speaks seldom is not silent between two words.
func TestAServerThatSpeaksSeldom(t *testing.T) {
	w := newWorld(t)
	w.say("s", "server:online", "")
	w.say("s", "metrics:storage", `{"used":1}`)
	w.pass(10 * time.Minute)
	w.say("s", "metrics:storage", `{"used":1}`)
	aged := func(after time.Duration) bool { return w.m.Aged(w.m.Server("s"), w.now.Add(after)) }
	equal(t, "after nine minutes", aged(9*time.Minute), false)
	equal(t, "after twenty-one", aged(21*time.Minute), true)

	// A metric that the catalogue does not know is one all the same.
	w.say("queues", "server:online", "")
	for range 3 {
		w.say("queues", "metrics:queue", `{"value":1}`)
		w.pass(time.Second)
	}
	equal(t, "a second ago", w.m.Aged(w.m.Server("queues"), w.now), false)
	equal(t, "a minute ago", w.m.Aged(w.m.Server("queues"), w.now.Add(time.Minute)), true)
}

// The page that the server has drawn holds who has measured to minutes, as it knows no more; and the page that takes over from it begins with the same.
func TestADrawnPageOfTheSilence(t *testing.T) {
	for _, tt := range []struct {
		name, typ string
		ago       time.Duration
		want      bool
	}{
		{"measured a while ago", "metrics:cpu", silentFor + time.Second, true},
		{"measured lately", "metrics:cpu", silentFor - time.Second, false},
		{"never measured", "backup:finished", time.Hour, false},
	} {
		w := newWorld(t)
		w.say("s", "server:online", "")
		w.say("s", tt.typ, "")
		w.pass(tt.ago)
		w.link(feed.Connecting)
		w.m.Link.Picture = w.now
		equal(t, tt.name, w.m.Aged(w.m.Server("s"), w.now), tt.want)
	}
}
