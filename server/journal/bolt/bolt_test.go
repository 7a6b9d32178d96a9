package bolt_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
	"github.com/mcp-cloud/telltale/server/journal/journaltest"
	"github.com/mcp-cloud/telltale/shared/event"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		publishUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func TestLog(t *testing.T) {
	for _, engine := range []struct {
		name      string
		tailBytes int
	}{
		{"FromMemory", 0},
		{"FromDisk", 1}, // so that Tails find hardly anything in memory
	} {
		t.Run(engine.name, func(t *testing.T) {
			journaltest.TestLog(t, newStore(engine.tailBytes))
		})
	}
}

func TestNotes(t *testing.T) { journaltest.TestNotes(t, newStore(0)) }

func TestShelf(t *testing.T) { journaltest.TestShelf(t, newStore(0)) }

func newStore(tailBytes int) func(t *testing.T) journaltest.Store {
	return func(t *testing.T) journaltest.Store {
		dir := t.TempDir()
		return func(t testing.TB, o journaltest.Options) journaltest.Log {
			t.Helper()
			if o.Retention.DedupWindow == 0 { // else the zero one would be the default
				o.Retention.DedupWindow = journal.DefaultRetention.DedupWindow
			}
			return open(t, dir, bolt.Options{Retention: o.Retention, Now: o.Now, TailBytes: tailBytes})
		}
	}
}

func open(t testing.TB, dir string, o bolt.Options) *bolt.Log {
	t.Helper()
	l, err := bolt.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestOnlyTheOwnerMayRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	l := open(t, dir, bolt.Options{})
	defer l.Close()
	for path, want := range map[string]os.FileMode{dir: 0o700, l.Path(): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
}

func TestInUse(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, bolt.Options{})
	_, err := bolt.Open(dir, bolt.Options{})
	if !errors.Is(err, bolt.ErrInUse) || !strings.Contains(err.Error(), l.Path()) {
		t.Errorf("got %v, want ErrInUse and the name of the file", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, bolt.Options{}).Close()
}

func TestNotARecord(t *testing.T) {
	write := func(data string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	update := func(fn func(*bbolt.Tx) error) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			db, err := bbolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.Update(fn); err != nil {
				t.Fatal(err)
			}
		}
	}
	inRecord := func(fn func(meta, state *bbolt.Bucket) error) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			open(t, filepath.Dir(path), bolt.Options{}).Close()
			update(func(tx *bbolt.Tx) error { return fn(tx.Bucket([]byte("meta")), tx.Bucket([]byte("state"))) })(t, path)
		}
	}
	for _, row := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"text", write("hello"), "damaged"},
		{"zeros", write(strings.Repeat("\x00", 1<<16)), "damaged"},
		{"noise", write(strings.Repeat("\xa5\x17", 1<<15)), "damaged"},
		{"foreign", update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("x")); return err }), "something else"},
		{"newer", inRecord(func(m, _ *bbolt.Bucket) error { return m.Put([]byte("format"), []byte("2")) }), "use a newer one"},
		{"no epoch", inRecord(func(m, _ *bbolt.Bucket) error { return m.Delete([]byte("epoch")) }), "no epoch"},
		{"no places", inRecord(func(m, _ *bbolt.Bucket) error { return m.Delete([]byte("places")) }), "no sequence number"},
		{"bad record", inRecord(func(_, s *bbolt.Bucket) error { return s.Put([]byte("\x00\x00\x00\x00\x00\x00\x00\x01"), []byte{1}) }), "damaged record"},
		{"bad key", inRecord(func(_, s *bbolt.Bucket) error { return s.Put([]byte("k"), []byte{1}) }), "damaged record"},
		{"folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is not a file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), bolt.FileName)
			row.make(t, path)
			l, err := bolt.Open(filepath.Dir(path), bolt.Options{})
			if err == nil {
				l.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %q, want the name of the file and %q", err, row.want)
			}
		})
	}
}

// A telltale that dies as it makes the file leaves one of no bytes.
func TestEmptyFileIsNew(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, bolt.FileName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir, bolt.Options{})
	defer l.Close()
	if _, err := l.Append(t.Context(), []event.Event{sample(1)}); err != nil {
		t.Error(err)
	}
}
