package bolt

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/mcp-cloud/telltale/shared/event"
)

var (
	// ErrInUse means that another process has the record open.
	ErrInUse = errors.New("in use by another telltale process")
	// ErrDamaged means that the file is not a record this telltale can rely on.
	ErrDamaged = errors.New("damaged")
)

// The buckets of the file, and the keys of "meta".
var (
	metaBucket = []byte("meta")
	keptBucket = []byte("kept")
	seenBucket = []byte("seen")

	classBuckets  = [...][]byte{event.State: []byte("state"), event.Sample: []byte("sample"), event.Line: []byte("line")}
	recordBuckets = [...][]byte{classBuckets[event.State], classBuckets[event.Sample], classBuckets[event.Line], keptBucket}

	formatKey = []byte("format")
	epochKey  = []byte("epoch")
	placesKey = []byte("places")
)

// formatVersion is of the whole layout; a change that an older telltale would misread raises it.
const formatVersion = 1

// lockWait is how long Open waits for another process to let go, as one that is just being restarted will.
const lockWait = time.Second

// fileMap is how much of the address space the file gets at once; to map more, bbolt must wait for all readers.
func fileMap() int {
	if strconv.IntSize < 64 || runtime.GOOS == "windows" { // there the file itself would be made as large
		return 0
	}
	return 1 << 30
}

// open opens the file and fills in what l knows of it. It returns the newest place ever given.
func (l *Log) open(dir string) (seq uint64, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, fmt.Errorf("journal: make the folder of the record: %w", err)
	}
	lost, err := l.examine()
	if err != nil {
		return 0, err
	}
	options := &bbolt.Options{
		Timeout:         lockWait,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: fileMap(),
		NoStatistics:    true,
	}
	err = l.guard(func() (err error) {
		l.db, err = bbolt.Open(l.path, 0o600, options)
		return err
	})
	if err != nil {
		return 0, l.openError(err)
	}
	err = l.guard(func() (err error) {
		seq, err = l.load(lost)
		return err
	})
	if err != nil {
		return 0, errors.Join(l.openError(err), l.guard(l.db.Close))
	}
	if err = syncDir(dir); err != nil {
		return 0, errors.Join(fmt.Errorf("journal: %w", err), l.db.Close())
	}
	return seq, nil
}

// examine checks the pages of the file before bbolt relies on them, under a shared lock, so that no other process is
// changing it. Lost reports that one of the file's two headers is unreadable, so that the last commit may be missing.
func (l *Log) examine() (lost bool, err error) {
	switch info, err := os.Stat(l.path); {
	case errors.Is(err, os.ErrNotExist) || err == nil && info.Mode().IsRegular() && info.Size() == 0:
		return false, nil // new, or a telltale died while it made it
	case err == nil && !info.Mode().IsRegular():
		return false, fmt.Errorf("journal: %s is not a file", l.path)
	}
	var lock *bbolt.DB
	err = l.guard(func() (err error) {
		lock, err = bbolt.Open(l.path, 0, &bbolt.Options{ReadOnly: true, Timeout: lockWait})
		return err
	})
	if err != nil {
		return false, l.openError(err)
	}
	defer lock.Close()
	f, err := os.Open(l.path)
	if err != nil {
		return false, l.openError(err)
	}
	defer f.Close()
	if lost, err = checkPages(f); err != nil {
		return false, l.openError(err)
	}
	return lost, nil
}

// openError says what is the matter with the file, and what to do.
func (l *Log) openError(err error) error {
	switch pathErr := (*os.PathError)(nil); {
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("journal: %s is %w: stop that one, or give this one a data folder of its own", l.path, ErrInUse)
	case errors.As(err, &pathErr):
		return fmt.Errorf("journal: open the record: %w", err)
	case errors.Is(err, errFormat):
		return fmt.Errorf("journal: %s: %w", l.path, err)
	case errors.Is(err, ErrDamaged):
		return fmt.Errorf("journal: %w", err)
	}
	return fmt.Errorf("journal: %s is %w (%w): %s", l.path, ErrDamaged, err, advice)
}

const advice = "restore it from a copy, or move it away and telltale begins a new record"

var errFormat = errors.New("not a record that this telltale can read")

// load reads what the file says of itself, and all its records once; a new file is given its buckets.
func (l *Log) load(lost bool) (seq uint64, err error) {
	err = l.db.View(func(tx *bbolt.Tx) (err error) {
		if err := l.notes.load(tx); err != nil {
			return err
		}
		seq, err = l.loadFrom(tx)
		return err
	})
	if !errors.Is(err, errNew) && (err != nil || !lost) {
		return seq, err
	}
	var b [4]byte
	for l.epoch = 0; l.epoch == 0; l.epoch = binary.BigEndian.Uint32(b[:]) {
		rand.Read(b[:]) // never fails
	}
	if lost {
		l.logger.Warn("One of the two headers of the record is damaged, its last commit may be lost. The places in it are given out anew under a new epoch.", "file", l.path)
	}
	return seq, l.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range append(recordBuckets[:], metaBucket, seenBucket) {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		m := tx.Bucket(metaBucket)
		if err := m.Put(formatKey, []byte(strconv.Itoa(formatVersion))); err != nil {
			return err
		}
		if m.Get(placesKey) == nil {
			if err := m.Put(placesKey, places{}.encode()); err != nil {
				return err
			}
		}
		return m.Put(epochKey, b[:])
	})
}

// errNew reports a file without anything in it.
var errNew = errors.New("new")

func (l *Log) loadFrom(tx *bbolt.Tx) (seq uint64, err error) {
	m := tx.Bucket(metaBucket)
	if m == nil {
		if k, _ := tx.Cursor().First(); k != nil {
			return 0, fmt.Errorf("%w: a bbolt file of something else", errFormat)
		}
		return 0, errNew
	}
	if v := string(m.Get(formatKey)); v != strconv.Itoa(formatVersion) {
		return 0, fmt.Errorf("%w: it has format %.20q and this telltale reads %d; use a newer one", errFormat, v, formatVersion)
	}
	epoch := m.Get(epochKey)
	if len(epoch) != 4 || binary.BigEndian.Uint32(epoch) == 0 {
		return 0, errors.New("no epoch")
	}
	l.epoch = binary.BigEndian.Uint32(epoch)
	p, err := readPlaces(tx)
	if err != nil {
		return 0, err
	}
	if tx.Bucket(seenBucket) == nil {
		return 0, fmt.Errorf("no bucket %q", seenBucket)
	}
	for i, name := range recordBuckets {
		b := tx.Bucket(name)
		if b == nil {
			return 0, fmt.Errorf("no bucket %q", name)
		}
		if err := l.loadRecords(i, b, p); err != nil {
			return 0, fmt.Errorf("bucket %q: %w", name, err)
		}
	}
	return p.seq, nil
}

// loadRecords counts the bytes of the i-th bucket of records and finds the latest states.
func (l *Log) loadRecords(i int, b *bbolt.Bucket, p places) error {
	kept := i >= len(classBuckets)
	names := make(map[string]string)
	return b.ForEach(func(k, v []byte) error {
		var r record
		if len(k) != 8 || seqOf(k) == 0 || seqOf(k) > p.seq {
			return fmt.Errorf("%w: key %.20x", errRecord, k)
		}
		if err := r.parse(k, v); err != nil {
			return fmt.Errorf("place %d: %w", seqOf(k), err)
		}
		if kept {
			l.size.kept += cost(v)
		} else {
			l.size.class[i] += cost(v)
		}
		if kept || i == int(event.State) {
			t := topic{name(names, r.server), name(names, r.typ)}
			l.latest[t] = latest{seq: seqOf(k), kept: kept} // a kept one goes when there is a newer
			if kept && !event.Known(t.typ) {
				l.strays[t.server] = append(l.strays[t.server], stray{seqOf(k), t.typ})
				l.crowd = l.crowd || len(l.strays[t.server]) > event.MaxUnknown
			}
		}
		return nil
	})
}

// cost is what a record counts for in retention.
func cost(record []byte) int64 { return int64(len(record) + perRecord) }

// places are the sequence numbers the file is to remember, whatever is trimmed.
type places struct {
	seq     uint64                     // newest ever given
	trimmed [len(event.Classes)]uint64 // newest ever trimmed of each class
}

func readPlaces(tx *bbolt.Tx) (p places, err error) {
	v := tx.Bucket(metaBucket).Get(placesKey)
	if len(v) != 8*(1+len(p.trimmed)) {
		return p, errors.New("no sequence number")
	}
	p.seq = binary.BigEndian.Uint64(v)
	for i := range p.trimmed {
		p.trimmed[i] = binary.BigEndian.Uint64(v[8*(i+1):])
	}
	return p, nil
}

func (p places) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, p.seq)
	for _, n := range p.trimmed {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func seqOf(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// guard calls fn and makes a panic of bbolt's, or a fault of the mapped file, an ErrDamaged. The file may be cut short or
// its disk fail while we run; that should cost the calls that meet it, and not the process.
func (l *Log) guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s is %w (%v): %s", l.path, ErrDamaged, p, advice)
		}
	}()
	return fn()
}

// syncDir makes the name of a new file durable, which fsync of the file alone does not.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // which can't
		return nil
	}
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
