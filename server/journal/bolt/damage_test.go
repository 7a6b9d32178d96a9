package bolt_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
	"github.com/mcp-cloud/telltale/shared/event"
)

const pageSize = 4096

// goodFile returns the bytes of a small sound record with all that a record can have, without the unused room at its end.
var goodFile = sync.OnceValue(func() []byte {
	dir, err := os.MkdirTemp("", "telltale")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	l, err := bolt.Open(dir, bolt.Options{Retention: journal.Retention{State: journal.Limit{Bytes: 4000}, Line: journal.Limit{Bytes: 20_000}}})
	if err != nil {
		panic(err)
	}
	for i := range 30 {
		var batch []event.Event
		for j := range 20 {
			e := sample(20*i + j)
			e.Type = [...]string{"metrics:cpu", "server:busy", "logs:app", "metrics:memory"}[j%4]
			if j%2 == 0 {
				e.Key = e.Type + string(e.Data)
			}
			batch = append(batch, e)
		}
		large := sample(i)
		large.Data = []byte(strings.Repeat("x", i*200)) // some on several pages
		if _, err := l.Append(context.Background(), append(batch, large)); err != nil {
			panic(err)
		}
	}
	bounds, err := l.Bounds(context.Background())
	if err != nil {
		panic(err)
	}
	var blocks []journal.Block
	for i := range 40 {
		blocks = append(blocks, journal.Block{BlockKey: journal.BlockKey{Drawer: "d", Name: strings.Repeat("n", i+1)}, Value: []byte(strings.Repeat("v", i*20))})
	}
	if err := l.PutBlocks(context.Background(), bounds.Head, true, blocks); err != nil {
		panic(err)
	}
	if err := errors.Join(l.Trim(context.Background()), l.Close()); err != nil {
		panic(err)
	}
	b, err := os.ReadFile(l.Path())
	if err != nil {
		panic(err)
	}
	return []byte(strings.TrimRight(string(b), "\x00"))
})

// tryDamaged opens a damaged file. It must be refused with an error that names it, or be good for reading and writing.
func tryDamaged(t *testing.T, data []byte, size int64) (opened bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), bolt.FileName)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	l, err := bolt.Open(filepath.Dir(path), bolt.Options{})
	if err != nil {
		if !strings.Contains(err.Error(), path) {
			t.Errorf("the error does not name the file: %v", err)
		}
		return false
	}
	for q := (journal.Query{AcrossTrimmed: true}); ; {
		page, err := l.Read(t.Context(), q)
		if err != nil {
			t.Fatalf("opened and not readable: %v", err)
		}
		for _, e := range page.Events {
			if s := string(e.Data); !strings.HasPrefix(s, `{"timestamp":"2026-03-01T12:00:00.000Z"`) && strings.Trim(s, "x") != "" {
				t.Fatalf("place %s holds %q, which nobody recorded", e.ID, s)
			}
		}
		if q.After = page.Next; !page.More {
			break
		}
	}
	if _, err := l.Append(t.Context(), []event.Event{sample(0)}); err != nil {
		t.Errorf("opened and not writable: %v", err)
	}
	if _, err := l.Drawer(t.Context(), "d"); err != nil {
		t.Errorf("opened and the shelf not readable: %v", err)
	}
	bounds, err := l.Bounds(t.Context())
	if err == nil {
		err = l.PutBlocks(t.Context(), bounds.Head, true, nil)
	}
	if err != nil {
		t.Errorf("opened and the shelf not writable: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	return true
}

func TestCutShort(t *testing.T) {
	good := goodFile()
	full := int64(len(good)+pageSize-1) / pageSize * pageSize
	if !tryDamaged(t, good, full+16<<20) || !tryDamaged(t, good, full+pageSize) {
		t.Fatal("the sound file was refused")
	}
	for size := int64(pageSize); size < full; size += pageSize {
		for _, at := range []int64{size, size - 1, size + 100} {
			if tryDamaged(t, good[:min(at, int64(len(good)))], at) && at < full-2*pageSize {
				t.Errorf("cut to %d of %d bytes and not noticed", at, full)
			}
		}
	}
}

func TestBitsFlipped(t *testing.T) {
	good := goodFile()
	full := int64(len(good)+pageSize-1)/pageSize*pageSize + pageSize
	try := func(at int, mask byte) bool {
		data := append([]byte(nil), good...)
		data[at] ^= mask
		return tryDamaged(t, data, full)
	}
	random, step, each := rand.New(rand.NewPCG(1, 2)), 5, 1
	if os.Getenv("TELLTALE_SOAK") != "" {
		step, each = 1, 50
	}
	// Each of the two headers: one damaged is never enough to lose the file.
	for at := 0; at < 80; at += step {
		for _, page := range []int{0, pageSize} {
			if !try(page+at, 1<<(at%8)) {
				t.Errorf("byte %d: refused, with the other header intact", page+at)
			}
		}
	}
	for page := 2; page < len(good)/pageSize; page++ {
		for range each {
			try(page*pageSize+random.IntN(16), 1<<random.IntN(8))     // the head of the page, whose every bit counts
			try(page*pageSize+16+random.IntN(320), 1<<random.IntN(8)) // what it says of its entries
			try(page*pageSize+random.IntN(pageSize), 1<<random.IntN(8))
		}
	}
	// A page of zeros, as a file system may leave after a power cut.
	for page := range len(good) / pageSize {
		data := append([]byte(nil), good...)
		clear(data[page*pageSize : (page+1)*pageSize])
		tryDamaged(t, data, full)
	}
}

// With one header damaged the last commit may be lost, and its places are given out again: under another epoch.
func TestLostHeaderIsANewEpoch(t *testing.T) {
	good := goodFile()
	epoch := func(mask byte) uint32 {
		dir := t.TempDir()
		data := append([]byte(nil), good...)
		data[20] ^= mask
		if err := os.WriteFile(filepath.Join(dir, bolt.FileName), append(data, make([]byte, pageSize)...), 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, dir, bolt.Options{})
		defer l.Close()
		bounds, err := l.Bounds(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return bounds.Epoch
	}
	sound := epoch(0)
	if again := epoch(0); again != sound {
		t.Error("a sound file has a new epoch each time")
	}
	if epoch(1) == sound {
		t.Error("the epoch is the same after a header was lost")
	}
}

// The file is cut under a running telltale: calls fail, and the process goes on.
func TestCutWhileOpen(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, bolt.Options{TailBytes: 1})
	var batch []event.Event
	for i := range 5000 {
		batch = append(batch, sample(i))
	}
	if _, err := l.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(l.Path(), 2*pageSize); err != nil {
		t.Fatal(err)
	}
	damaged := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, bolt.ErrDamaged) || !strings.Contains(err.Error(), l.Path()) {
			t.Errorf("%s: got %v, want ErrDamaged and the name of the file", what, err)
		}
	}
	_, err := l.Read(t.Context(), journal.Query{})
	damaged("Read", err)
	_, err = l.Bounds(t.Context())
	damaged("Bounds", err)
	damaged("Tail", l.Tail(t.Context(), event.ID{}, func([]event.Event) error { return io.EOF }))
	for range 2 {
		_, err = l.Append(t.Context(), batch[:1])
		damaged("Append", err)
	}
	l.Close()
}

func FuzzOpen(f *testing.F) {
	good := goodFile()
	full := int64(len(good)+pageSize-1)/pageSize*pageSize + pageSize
	f.Add(uint32(0), uint64(0), full)
	f.Add(uint32(2*pageSize+10), uint64(1), full)
	f.Add(uint32(3*pageSize+16), ^uint64(0), int64(len(good)/2))
	f.Fuzz(func(t *testing.T, at uint32, mask uint64, size int64) {
		data := append([]byte(nil), good...)
		for i := range 8 {
			data[(int(at)+i)%len(data)] ^= byte(mask >> (8 * i))
		}
		size = min(max(size, 0), full)
		tryDamaged(t, data[:min(size, int64(len(data)))], size)
	})
}
