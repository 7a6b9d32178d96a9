package journaltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

// TestShelf checks an engine whose logs are a journal.Shelf as well. NewStore is that of TestLog.
func TestShelf(t *testing.T, newStore func(t *testing.T) Store) {
	for _, test := range shelfTests {
		t.Run(test.name, func(t *testing.T) { test.run(newBench(t, newStore)) })
	}
}

// TestShelfOfManyInstances checks an engine with which several processes share a record: its stores may be called again while
// the logs they opened before are still open. All fill one shelf; what each makes is the count of events up to a place, and in the end it is
// that of all.
func TestShelfOfManyInstances(t *testing.T, newStore func(t *testing.T) Store) {
	b := newBench(t, newStore)
	const instances, rounds = 3, 40
	logs := make([]Log, instances)
	for i := range logs {
		logs[i] = b.store(t, Options{Now: b.now})
		t.Cleanup(func() { logs[i].Close() })
	}
	key := journal.BlockKey{Drawer: "count", Name: "n"}
	var wg sync.WaitGroup
	for _, log := range logs {
		wg.Go(func() {
			shelf := log.(journal.Shelf)
			for range rounds {
				if _, err := log.Append(b.Context(), []event.Event{{Type: sampleType, Server: "a", Time: b.now(), Data: []byte("{}")}}); err != nil {
					t.Error(err)
					return
				}
				page, err := log.Read(b.Context(), journal.Query{})
				if err != nil {
					t.Error(err)
					return
				}
				made := page.Next
				err = shelf.PutBlocks(b.Context(), made, true, []journal.Block{{BlockKey: key, Value: fmt.Append(nil, len(page.Events), " ", made)}})
				if err != nil && !errors.Is(err, journal.ErrBehind) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, log := range logs {
		b.log = log
		got := b.blocks(key)[0]
		mark, err := log.(journal.Shelf).Mark(b.Context())
		b.ok(err)
		if want := fmt.Sprint(instances*rounds, " ", mark); string(got) != want || mark != b.bounds().Head {
			t.Errorf("got %q with the mark at %s, want %q", got, mark, want)
		}
	}
	b.log = nil // Cleanup closes all of them
}

var shelfTests = []test{
	{"EmptyAtFirst", func(b *bench) {
		b.shelf()
		b.marked(event.ID{})
		b.blockIs("d", "n", "")
		b.drawerIs("d", nil)
		b.ok(b.log.(journal.Shelf).DropDrawers(b.Context(), "a", "z"))
	}},
	{"KeptReplacedTakenAway", func(b *bench) {
		b.shelf()
		at := b.places(3)
		b.shelve(at[0], true, "d", "a", "1", "d", "b", "2", "e", "a", "3")
		b.marked(at[0])
		b.drawerIs("d", map[string]string{"a": "1", "b": "2"})
		b.shelve(at[1], true, "d", "a", "4", "d", "c", "5")
		b.marked(at[1])
		b.drawerIs("d", map[string]string{"a": "4", "b": "2", "c": "5"})
		b.blockIs("e", "a", "3")
		b.ok(b.log.(journal.Shelf).PutBlocks(b.Context(), at[2], true, []journal.Block{
			{BlockKey: journal.BlockKey{Drawer: "d", Name: "b"}}, {BlockKey: journal.BlockKey{Drawer: "d", Name: "never"}}}))
		b.drawerIs("d", map[string]string{"a": "4", "c": "5"})
		b.ok(b.log.(journal.Shelf).PutBlocks(b.Context(), b.places(1)[0], true, nil))
		got := b.blocks(journal.BlockKey{Drawer: "d", Name: "c"}, journal.BlockKey{Drawer: "d", Name: "b"}, journal.BlockKey{Drawer: "d", Name: "a"})
		if string(got[0]) != "5" || got[1] != nil || string(got[2]) != "4" {
			b.Errorf("got %q, want 5, nothing and 4", got)
		}
	}},
	{"MadeInParts", func(b *bench) {
		b.shelf()
		at := b.places(3)
		b.shelve(at[1], false, "d", "a", "1")
		b.marked(event.ID{})
		b.blockIs("d", "a", "1")
		b.shelve(at[1], true, "d", "b", "1")
		b.marked(at[1])
	}},
	{"NeverBackwards", func(b *bench) {
		b.shelf()
		at := b.places(3)
		b.shelve(at[1], true, "d", "a", "new")
		for _, made := range []event.ID{at[0], at[1], {}, {Epoch: at[0].Epoch + 1, Seq: at[2].Seq}, {Epoch: at[0].Epoch, Seq: at[2].Seq + 1}} {
			for _, last := range []bool{false, true} {
				err := b.log.(journal.Shelf).PutBlocks(b.Context(), made, last, []journal.Block{{BlockKey: journal.BlockKey{Drawer: "d", Name: "a"}, Value: []byte("old")}})
				if !errors.Is(err, journal.ErrBehind) {
					b.Errorf("made of %s, with the mark at %s: got %v, want ErrBehind", made, at[1], err)
				}
			}
		}
		b.blockIs("d", "a", "new")
		b.marked(at[1])
		b.shelve(at[2], true, "d", "a", "newer")
		b.blockIs("d", "a", "newer")
	}},
	{"ItOutlivesTheProcess", func(b *bench) {
		b.shelf()
		at := b.places(2)
		b.shelve(at[0], true, "d", "a", "1", "e", "a", "2")
		b.shelf()
		b.marked(at[0])
		b.blockIs("d", "a", "1")
		b.shelve(at[1], true, "d", "a", "3")
		b.shelf()
		b.marked(at[1])
		b.blockIs("d", "a", "3")
		b.blockIs("e", "a", "2")
	}},
	{"AnyBytes", func(b *bench) {
		b.shelf()
		want := make(map[string]string)
		var list []string
		for i := range 256 {
			name := string([]byte{byte(i), 0, '*', '\n', byte(i)})
			want[name] = string([]byte{0, byte(i), '\r', '\n', 255})
			list = append(list, "d", name, want[name], "d!", name, "no")
		}
		b.shelve(b.places(1)[0], true, list...)
		b.drawerIs("d", want)
		for name, value := range want {
			b.blockIs("d", name, value)
		}
	}},
	{"DropDrawers", func(b *bench) {
		b.shelf()
		var list []string
		for i := range 20 {
			for _, kind := range []string{"m", "s", "z"} {
				for n := range 3 {
					list = append(list, fmt.Sprintf("%s%03d", kind, i), fmt.Sprint("n", n), "v")
				}
			}
		}
		b.shelve(b.places(1)[0], true, list...)
		shelf := b.log.(journal.Shelf)
		for range 2 {
			b.ok(shelf.DropDrawers(b.Context(), "s", "s012"))
			for i := range 20 {
				for _, kind := range []string{"m", "s", "z"} {
					want := map[string]string{"n0": "v", "n1": "v", "n2": "v"}
					if kind == "s" && i < 12 {
						want = nil
					}
					b.drawerIs(fmt.Sprintf("%s%03d", kind, i), want)
				}
			}
		}
		b.ok(shelf.DropDrawers(b.Context(), "s015", "s016"))
		b.drawerIs("s014", map[string]string{"n0": "v", "n1": "v", "n2": "v"})
		b.drawerIs("s015", nil)
		b.drawerIs("s016", map[string]string{"n0": "v", "n1": "v", "n2": "v"})
		b.ok(shelf.DropDrawers(b.Context(), "x", "a"))
		b.drawerIs("m000", map[string]string{"n0": "v", "n1": "v", "n2": "v"})
		b.shelve(b.places(1)[0], true, "s000", "again", "v")
		b.drawerIs("s000", map[string]string{"again": "v"})
		b.ok(shelf.DropDrawers(b.Context(), "s", "s001"))
		b.drawerIs("s000", nil)
	}},
	{"DropMany", func(b *bench) {
		b.shelf()
		for part := range 5 {
			var list []string
			for n := range 1000 {
				list = append(list, "s1", fmt.Sprint(part, " ", n), "v")
			}
			b.shelve(b.places(1)[0], true, list...)
		}
		b.ok(b.log.(journal.Shelf).DropDrawers(b.Context(), "s", "t"))
		b.drawerIs("s1", nil)
	}},
	{"Bounds", func(b *bench) {
		b.shelf()
		at := b.places(2)
		drawer, name, largest := strings.Repeat("d", journal.MaxDrawer), strings.Repeat("n", journal.MaxBlockName), strings.Repeat("v", journal.MaxBlock)
		b.shelve(at[0], true, drawer, name, largest)
		b.blockIs(drawer, name, largest)
		var tooMany []journal.Block
		for i := range journal.MaxBlocks / journal.MaxBlock {
			tooMany = append(tooMany, journal.Block{BlockKey: journal.BlockKey{Drawer: "d", Name: fmt.Sprint(i)}, Value: []byte(largest)})
		}
		one := func(drawer, name, value string) []journal.Block {
			return []journal.Block{{BlockKey: journal.BlockKey{Drawer: drawer, Name: name}, Value: []byte(value)}}
		}
		for what, blocks := range map[string][]journal.Block{
			"no drawer": one("", "n", "v"), "long drawer": one(drawer+"d", "n", "v"), "a zero byte": one("d\x00", "n", "v"), "white space": one("d e", "n", "v"),
			"no name": one("d", "", "v"), "long name": one("d", name+"n", "v"), "large": one("d", "n", largest+"v"), "many": tooMany,
		} {
			if err := b.log.(journal.Shelf).PutBlocks(b.Context(), at[1], true, blocks); err == nil {
				b.Errorf("%s: it was taken", what)
			}
		}
		b.marked(at[0])
	}},
	{"TheyAreNoEvents", func(b *bench) {
		b.retention = journal.Retention{
			State: journal.Limit{Bytes: 1}, Sample: journal.Limit{Bytes: 1}, Line: journal.Limit{Bytes: 1}, DedupWindow: time.Minute,
		}
		b.shelf()
		at := b.places(1)
		b.trim()
		before := b.bounds()
		b.shelve(at[0], true, "d", "n", strings.Repeat("v", 1000))
		if got := b.bounds(); got != before {
			b.Errorf("got bounds %+v after a block, want %+v", got, before)
		}
		b.pass(48 * time.Hour)
		b.trim()
		b.holds(nil)
		b.blockIs("d", "n", strings.Repeat("v", 1000))
		b.marked(at[0])
	}},
	{"BesideManyPublishers", func(b *bench) {
		b.shelf()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 20 {
					if _, err := b.log.Append(b.Context(), []event.Event{{Type: sampleType, Server: "a", Time: b.now(), Data: []byte("{}")}}); err != nil {
						b.Error(err)
					}
				}
			})
		}
		at := b.places(1)
		b.shelve(at[0], true, "d", "n", "v")
		wg.Wait()
		b.blockIs("d", "n", "v")
		if got := len(b.all(journal.Query{})); got != 161 {
			b.Errorf("got %d events, want all 161", got)
		}
	}},
	{"Ended", func(b *bench) {
		shelf := b.shelf()
		at := b.places(1)
		ctx, cancel := context.WithCancel(b.Context())
		cancel()
		one := []journal.Block{{BlockKey: journal.BlockKey{Drawer: "d", Name: "n"}, Value: []byte("v")}}
		calls := func(ctx context.Context) map[string]error {
			_, err1 := shelf.Mark(ctx)
			_, err2 := shelf.GetBlocks(ctx, []journal.BlockKey{one[0].BlockKey})
			_, err3 := shelf.Drawer(ctx, "d")
			return map[string]error{"Mark": err1, "GetBlocks": err2, "Drawer": err3,
				"PutBlocks": shelf.PutBlocks(ctx, at[0], true, one), "DropDrawers": shelf.DropDrawers(ctx, "d", "e")}
		}
		for what, err := range calls(ctx) {
			if !errors.Is(err, context.Canceled) {
				b.Errorf("%s: got %v, want %v", what, err, context.Canceled)
			}
		}
		b.drawerIs("d", nil)
		b.ok(b.log.Close())
		for what, err := range calls(b.Context()) {
			b.closed(what, err)
		}
	}},
}

// shelf opens the record, again if need be, and returns its shelf.
func (b *bench) shelf() journal.Shelf {
	b.Helper()
	shelf, ok := b.open().(journal.Shelf)
	if !ok {
		b.Fatalf("%T is no shelf", b.log)
	}
	return shelf
}

// places returns the places of so many new events.
func (b *bench) places(n int) (out []event.ID) {
	b.Helper()
	for _, e := range b.append(b.many(n, sampleType, "a")...) {
		out = append(out, e.ID)
	}
	return out
}

// shelve puts blocks: drawer, name and value of each.
func (b *bench) shelve(made event.ID, last bool, list ...string) {
	b.Helper()
	var blocks []journal.Block
	for i := 0; i < len(list); i += 3 {
		blocks = append(blocks, journal.Block{BlockKey: journal.BlockKey{Drawer: list[i], Name: list[i+1]}, Value: []byte(list[i+2])})
	}
	b.ok(b.log.(journal.Shelf).PutBlocks(b.Context(), made, last, blocks))
}

func (b *bench) marked(want event.ID) {
	b.Helper()
	got, err := b.log.(journal.Shelf).Mark(b.Context())
	b.ok(err)
	if got != want {
		b.Errorf("got the mark %s, want %s", got, want)
	}
}

func (b *bench) blocks(keys ...journal.BlockKey) [][]byte {
	b.Helper()
	got, err := b.log.(journal.Shelf).GetBlocks(b.Context(), keys)
	b.ok(err)
	if len(got) != len(keys) {
		b.Fatalf("got %d values for %d keys", len(got), len(keys))
	}
	return got
}

// blockIs fails the test unless the block has that value, "" for none.
func (b *bench) blockIs(drawer, name, want string) {
	b.Helper()
	if got := b.blocks(journal.BlockKey{Drawer: drawer, Name: name})[0]; string(got) != want || want == "" && got != nil {
		b.Errorf("block %q of %s: got %.40q, want %.40q", name, drawer, got, want)
	}
}

func (b *bench) drawerIs(drawer string, want map[string]string) {
	b.Helper()
	got, err := b.log.(journal.Shelf).Drawer(b.Context(), drawer)
	b.ok(err)
	if !maps.EqualFunc(got, want, func(g []byte, w string) bool { return bytes.Equal(g, []byte(w)) }) {
		b.Errorf("drawer %s: got %.200q, want %.200q", drawer, got, want)
	}
}
