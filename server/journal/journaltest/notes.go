package journaltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// TestNotes checks an engine whose logs are journal.Notes as well. NewStore is that of TestLog.
func TestNotes(t *testing.T, newStore func(t *testing.T) Store) {
	for _, test := range noteTests {
		t.Run(test.name, func(t *testing.T) { test.run(newBench(t, newStore)) })
	}
}

// TestNotesOfManyInstances checks an engine with which several processes share a record: its stores may be called again while
// the logs they opened before are still open.
func TestNotesOfManyInstances(t *testing.T, newStore func(t *testing.T) Store) {
	b := newBench(t, newStore)
	var watches []*watch
	var instances []journal.Notes
	for range 3 {
		log := b.store(t, Options{Now: b.now})
		t.Cleanup(func() { log.Close() })
		notes := log.(journal.Notes)
		instances = append(instances, notes)
		watches = append(watches, b.watch(notes, "n/"))
	}
	want := make(map[string]string)
	for i, notes := range instances {
		name := fmt.Sprint("of ", i)
		want[name] = "v"
		b.ok(notes.PutNote(b.Context(), "n/"+name, []byte("v")))
		for _, w := range watches {
			w.until(b, want)
		}
	}
	delete(want, "of 0")
	b.ok(instances[2].PutNote(b.Context(), "n/of 0", nil))
	for _, w := range watches {
		w.until(b, want)
		w.stop(b)
	}
}

var noteTests = []test{
	{"NoneAtFirst", func(b *bench) {
		w := b.watch(b.notes(), "")
		w.until(b, nil)
		w.stop(b)
	}},
	{"AsTheyAreAndThenEachChange", func(b *bench) {
		notes := b.notes()
		b.put("n/a", "1")
		b.put("n/b", "2")
		b.put("other", "x")
		b.put("n", "y")
		w := b.watch(notes, "n/")
		w.until(b, map[string]string{"a": "1", "b": "2"})
		b.put("n/a", "3")
		w.until(b, map[string]string{"a": "3", "b": "2"})
		b.put("n/c", "4")
		w.until(b, map[string]string{"a": "3", "b": "2", "c": "4"})
		b.remove("n/b")
		w.until(b, map[string]string{"a": "3", "c": "4"})
		b.remove("n/nothing")
		b.remove("n/a")
		b.remove("n/c")
		w.until(b, nil)
		w.stop(b)
	}},
	{"AnyBytes", func(b *bench) {
		notes := b.notes()
		want := make(map[string]string)
		for i := range 256 {
			name := string([]byte{byte(i), '*', 0, '\n', byte(i)})
			want[name] = string([]byte{0, byte(i), '\r', '\n', 255})
			b.put("\x00\xff"+name, want[name])
		}
		b.put("\x00\xfe", "no")
		b.put("\x01", "no")
		w := b.watch(notes, "\x00\xff")
		w.until(b, want)
		w.stop(b)
	}},
	{"PrefixesAreNoPatterns", func(b *bench) {
		notes := b.notes()
		for _, name := range []string{"a*b", "aab", "a?b", "[a]b", "a\\b", "a%b", "a_b", "ab"} {
			b.put(name, name)
		}
		for _, prefix := range []string{"a*", "a?", "[a]", "a\\", "a%", "a_"} {
			w := b.watch(notes, prefix)
			w.until(b, map[string]string{"b": prefix + "b"})
			w.stop(b)
		}
	}},
	{"AWholeNameIsAPrefix", func(b *bench) {
		notes := b.notes()
		b.put("name", "v")
		w := b.watch(notes, "name")
		w.until(b, map[string]string{"": "v"})
		w.stop(b)
	}},
	{"NothingIsAValue", func(b *bench) {
		notes := b.notes()
		b.ok(notes.PutNote(b.Context(), "n", []byte{}))
		w := b.watch(notes, "")
		w.until(b, map[string]string{"n": ""})
		w.stop(b)
	}},
	{"Bounds", func(b *bench) {
		notes := b.notes()
		longest, largest := strings.Repeat("n", journal.MaxNoteName), strings.Repeat("v", journal.MaxNoteValue)
		b.put(longest, largest)
		for name, value := range map[string]string{"": "v", longest + "n": "v", "n": largest + "v"} {
			if err := notes.PutNote(b.Context(), name, []byte(value)); err == nil {
				b.Errorf("a name of %d bytes and a value of %d were taken", len(name), len(value))
			}
		}
		w := b.watch(notes, "")
		w.until(b, map[string]string{longest: largest})
		w.stop(b)
	}},
	{"ValuesAreCopied", func(b *bench) {
		notes := b.notes()
		value := []byte("before")
		b.ok(notes.PutNote(b.Context(), "n", value))
		copy(value, "after!")
		w := b.watch(notes, "")
		w.until(b, map[string]string{"n": "before"})
		w.stop(b)
	}},
	{"MapsAreTheCallees", func(b *bench) {
		notes := b.notes()
		b.put("a", "1")
		one, other := b.watch(notes, ""), b.watch(notes, "") // which empty what they are given
		for i, want := range []map[string]string{{"a": "1"}, {"a": "1", "b": "1"}, {"a": "1", "b": "1", "c": "1"}} {
			b.put(string(rune('a'+i)), "1")
			one.until(b, want)
			other.until(b, want)
		}
		one.stop(b)
		other.stop(b)
	}},
	{"TheyOutliveTheProcess", func(b *bench) {
		b.notes()
		b.put("a", "1")
		b.put("b", "2")
		b.remove("a")
		w := b.watch(b.notes(), "")
		w.until(b, map[string]string{"b": "2"})
		w.stop(b)
	}},
	{"TheyAreNoEvents", func(b *bench) {
		b.retention = journal.Retention{
			State: journal.Limit{Bytes: 1}, Sample: journal.Limit{Bytes: 1}, Line: journal.Limit{Bytes: 1}, DedupWindow: time.Minute,
		}
		b.notes()
		before := b.bounds()
		b.put("n", strings.Repeat("v", 1000))
		if got := b.bounds(); got != before {
			b.Errorf("got bounds %+v after a note, want %+v", got, before)
		}
		b.append(b.make(sampleType, "a"))
		b.pass(24 * time.Hour)
		b.trim()
		b.holds(nil)
		w := b.watch(b.log.(journal.Notes), "")
		w.until(b, map[string]string{"n": strings.Repeat("v", 1000)})
		w.stop(b)
	}},
	{"ManyAtOnce", func(b *bench) {
		notes := b.notes()
		w := b.watch(notes, "")
		var wg sync.WaitGroup
		want := make(map[string]string)
		for p := range 8 {
			name := fmt.Sprint(p)
			want[name] = "19"
			wg.Go(func() {
				for i := range 20 {
					if err := notes.PutNote(b.Context(), name, fmt.Append(nil, i)); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Go(func() {
			for range 20 {
				if _, err := b.log.Append(b.Context(), []event.Event{{Type: sampleType, Server: "a", Time: b.now(), Data: []byte("{}")}}); err != nil {
					b.Error(err)
				}
			}
		})
		wg.Wait()
		w.until(b, want)
		w.stop(b)
		if got := len(b.all(journal.Query{})); got != 20 {
			b.Errorf("got %d events, want the 20 that were recorded beside the notes", got)
		}
	}},
	{"ItEndsWithWhatTheCalleeSays", func(b *bench) {
		notes := b.notes()
		want := errors.New("enough")
		if err := notes.WatchNotes(b.Context(), "", func(map[string][]byte) error { return want }); !errors.Is(err, want) {
			b.Errorf("got %v, want %v", err, want)
		}
	}},
	{"Ended", func(b *bench) {
		notes := b.notes()
		ctx, cancel := context.WithCancel(b.Context())
		cancel()
		if err := notes.PutNote(ctx, "n", []byte("v")); !errors.Is(err, context.Canceled) {
			b.Errorf("PutNote: got %v, want %v", err, context.Canceled)
		}
		if err := notes.WatchNotes(ctx, "", func(map[string][]byte) error { return nil }); !errors.Is(err, context.Canceled) {
			b.Errorf("WatchNotes: got %v, want %v", err, context.Canceled)
		}
		w := b.watch(notes, "")
		w.until(b, nil)
		b.ok(b.log.Close())
		b.closed("a watch under way", <-w.ended)
		b.closed("WatchNotes", notes.WatchNotes(b.Context(), "", func(map[string][]byte) error { return nil }))
		b.closed("PutNote", notes.PutNote(b.Context(), "n", []byte("v")))
	}},
}

// notes opens the record, again if need be, and returns its notes.
func (b *bench) notes() journal.Notes {
	b.Helper()
	notes, ok := b.open().(journal.Notes)
	if !ok {
		b.Fatalf("%T keeps no notes", b.log)
	}
	return notes
}

func (b *bench) put(name, value string) {
	b.Helper()
	b.ok(b.log.(journal.Notes).PutNote(b.Context(), name, []byte(value)))
}

func (b *bench) remove(name string) {
	b.Helper()
	b.ok(b.log.(journal.Notes).PutNote(b.Context(), name, nil))
}

// watch is a WatchNotes under way.
type watch struct {
	cancel context.CancelFunc
	told   chan map[string][]byte // the newest that was told
	ended  chan error             // of room
}

func (b *bench) watch(notes journal.Notes, prefix string) *watch {
	ctx, cancel := context.WithCancel(b.Context())
	w := &watch{cancel: cancel, told: make(chan map[string][]byte, 1), ended: make(chan error, 1)}
	go func() {
		w.ended <- notes.WatchNotes(ctx, prefix, func(got map[string][]byte) error {
			select {
			case <-w.told:
			default:
			}
			w.told <- maps.Clone(got)
			clear(got) // as it may
			return nil
		})
	}()
	b.Cleanup(cancel)
	return w
}

// until waits until the notes that were told last are these.
func (w *watch) until(b *bench, want map[string]string) {
	b.Helper()
	asBytes := make(map[string][]byte, len(want))
	for name, value := range want {
		asBytes[name] = []byte(value)
	}
	timeout := time.NewTimer(30 * time.Second)
	defer timeout.Stop()
	var got map[string][]byte
	for {
		select {
		case got = <-w.told:
			if maps.EqualFunc(got, asBytes, bytes.Equal) {
				return
			}
		case err := <-w.ended:
			b.Fatalf("the watch ended with %v", err)
		case <-timeout.C:
			b.Fatalf("was told of %d notes at last, %q; want %d, %q", len(got), slices.Sorted(maps.Keys(got)), len(want), slices.Sorted(maps.Keys(want)))
		}
	}
}

func (w *watch) stop(b *bench) {
	b.Helper()
	w.cancel()
	if err := <-w.ended; !errors.Is(err, context.Canceled) {
		b.Errorf("the watch ended with %v, want %v", err, context.Canceled)
	}
}
