package history

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

var someKey = journal.BlockKey{Drawer: "s000029922917", Name: "web-1\x00metrics:cpu"}

// Every number of four digits comes back as it was, whatever its size; and codes are in the order of the numbers.
func TestCode(t *testing.T) {
	for exp := -37; exp <= 34; exp++ {
		before := float32(0)
		for digits := 1000; digits < 10000; digits++ {
			text := strconv.Itoa(digits) + "e" + strconv.Itoa(exp)
			f, err := strconv.ParseFloat(text, 32)
			if err != nil {
				t.Fatal(err)
			}
			v := float32(f)
			got := coded(v)
			if a, b := strconv.FormatFloat(float64(got), 'e', 3, 64), strconv.FormatFloat(f, 'e', 3, 64); a != b {
				t.Fatalf("%s came back as %s", b, a)
			}
			if coded(-v) != -got || coded(got) != got {
				t.Fatalf("%v: %v, %v and %v", v, got, coded(-v), coded(got))
			}
			if code(v) < code(before) {
				t.Fatalf("the code of %v is below that of %v", v, before)
			}
			before = v
		}
	}
	for _, v := range []float32{0, 1, -1, 32768, -32767, 0.5, 100} {
		if coded(v) != v {
			t.Errorf("%v came back as %v", v, coded(v))
		}
	}
	for _, v := range []float32{math.MaxFloat32, -math.MaxFloat32} {
		if got := coded(v); math.IsInf(float64(got), 0) || math.Abs(float64(got/v-1)) > 1e-4 {
			t.Errorf("%v came back as %v", v, got)
		}
	}
}

// noisy makes a block whose numbers have noise of that share of themselves, of so many samples in each bucket.
func noisy(random *rand.Rand, fields, samples int, noise float64) *block {
	b := &block{fields: fields}
	seq := uint64(1000)
	for slot := range uint8(slots) {
		for range samples {
			seq++
			var v values
			for f := range v {
				v[f] = float32(math.Pow(1000, float64(f)) * 37 * (1 + noise*random.NormFloat64()))
			}
			b.add(slot, &v, event.ID{Epoch: 7, Seq: seq})
		}
	}
	return b
}

// near fails the test unless both blocks say the same to more than four digits.
func near(t *testing.T, got, want *block) {
	t.Helper()
	if got.last != want.last || !reflect.DeepEqual(got.rows, want.rows) || len(got.cells) != len(want.cells) {
		t.Fatalf("got %v %v, want %v %v", got.last, got.rows, want.last, want.rows)
	}
	for i := range want.cells {
		g, w := got.cells[i], want.cells[i]
		if g.n != w.n || w.n > 0 && (g.min != coded(w.min) || g.mean != coded(w.mean) || g.max != coded(w.max)) {
			t.Fatalf("cell %d: got %v, want %v", i, g, w)
		}
	}
}

func TestBlockOnTheShelf(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	sparse := &block{fields: 3}
	for i := range 40 {
		v := values{nan, nan, nan}
		v[i%3] = float32(i - 20)
		sparse.add(uint8(random.IntN(slots)), &v, event.ID{Epoch: math.MaxUint32, Seq: math.MaxUint64 - 40 + uint64(i)})
	}
	extreme := &block{fields: 1}
	for i := range 120 {
		v := values{float32([]float64{math.MaxFloat32, -math.MaxFloat32, 0, 1e-45, -1e-30, 1}[i%6])}
		extreme.add(uint8(i/2), &v, event.ID{Epoch: 1, Seq: uint64(i + 1)})
	}
	one := &block{fields: 2}
	one.add(59, &values{1, 2}, event.ID{Epoch: 1, Seq: 1})
	for _, row := range []struct {
		name string
		b    *block
		most int // bytes on the shelf
	}{
		{"one sample a second", noisy(random, 3, 1, 0.1), 390},
		{"calm", noisy(random, 3, 1, 0.002), 270},
		{"constant", noisy(random, 3, 1, 0), 40},
		{"sixty samples a minute", noisy(random, 3, 60, 0.1), 1200},
		{"not all have all", sparse, 400},
		{"extremes", extreme, 1000},
		{"one bucket", one, 40},
	} {
		t.Run(row.name, func(t *testing.T) {
			raw := row.b.encode(someKey)
			t.Logf("%d bytes", len(raw))
			if len(raw) > row.most {
				t.Errorf("got %d bytes, want at most %d", len(raw), row.most)
			}
			got, err := decodeBlock(raw, someKey, row.b.fields)
			if err != nil {
				t.Fatal(err)
			}
			near(t, got, row.b)
			if again := got.encode(someKey); !bytes.Equal(again, raw) {
				t.Errorf("written again it is\n%x, was\n%x", again, raw)
			}
			for i := range raw {
				damaged := bytes.Clone(raw)
				damaged[i] ^= 1 << (i % 8)
				if _, err := decodeBlock(damaged, someKey, row.b.fields); !errors.Is(err, errBlock) {
					t.Fatalf("byte %d: got %v, want errBlock", i, err)
				}
			}
			if _, err := decodeBlock(raw, journal.BlockKey{Drawer: someKey.Drawer, Name: "web-2\x00metrics:cpu"}, row.b.fields); !errors.Is(err, errBlock) {
				t.Errorf("under another name: got %v, want errBlock", err)
			}
		})
	}
}

// Who reads blocks of a telltale that knows more fields, or fewer.
func TestFieldsOfOthers(t *testing.T) {
	b := noisy(rand.New(rand.NewPCG(3, 4)), 2, 3, 0.1)
	raw := b.encode(someKey)
	fewer, err := decodeBlock(raw, someKey, 1)
	if err != nil {
		t.Fatal(err)
	}
	more, err := decodeBlock(raw, someKey, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.rows {
		if got, want := fewer.cells[i].mean, coded(b.cells[2*i].mean); got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
		if got, want := more.cells[3*i+1].max, coded(b.cells[2*i+1].max); got != want || more.cells[3*i+2].n != 0 {
			t.Fatalf("got %v and %d samples of what is not known, want %v and none", got, more.cells[3*i+2].n, want)
		}
	}
}

func TestHeadOnTheShelf(t *testing.T) {
	for _, h := range []head{{}, {event.ID{Epoch: 1, Seq: 2}, 3}, {event.ID{Epoch: math.MaxUint32, Seq: math.MaxUint64}, math.MaxInt64}} {
		raw := h.encode(someKey)
		got, err := decodeHead(raw, someKey)
		if err != nil || got != h {
			t.Errorf("got %v, %v, want %v", got, err, h)
		}
		if _, err := decodeHead(raw[:len(raw)-1], someKey); !errors.Is(err, errBlock) {
			t.Errorf("cut short: got %v", err)
		}
	}
}

// In whatever order samples come a block is the same but for rounding; what was folded in already is not again.
func TestFold(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	type sample struct {
		slot uint8
		v    values
	}
	samples := make([]sample, 300)
	for i := range samples {
		samples[i] = sample{uint8(random.IntN(slots)), values{float32(random.IntN(1000)), float32(random.IntN(1000)), nan}}
	}
	fold := func() *block {
		b := &block{fields: 3}
		for i, s := range samples {
			b.add(s.slot, &s.v, event.ID{Epoch: 1, Seq: uint64(i + 1)})
			if i%7 == 0 {
				b.add(s.slot, &s.v, event.ID{Epoch: 1, Seq: uint64(i)})
				b.add(s.slot, &s.v, event.ID{Epoch: 1, Seq: uint64(i + 1)})
			}
		}
		return b
	}
	want := fold()
	random.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
	got := fold()
	if !reflect.DeepEqual(got.rows, want.rows) {
		t.Fatalf("got %v, want %v", got.rows, want.rows)
	}
	total := uint32(0)
	for i, w := range want.cells {
		g := got.cells[i]
		if g.n != w.n || g.min != w.min || g.max != w.max || math.Abs(float64(g.mean-w.mean)) > 1e-3 {
			t.Errorf("cell %d: got %v, want %v", i, g, w)
		}
		total += w.n
	}
	if total != 600 {
		t.Errorf("%d numbers were folded in, want 600", total)
	}
}

func FuzzBlock(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, b := range []*block{noisy(random, 3, 1, 0.1), noisy(random, 1, 5, 0.5), noisy(random, 2, 1, 0)} {
		f.Add(b.encode(someKey)[codeHead:], uint8(b.fields))
	}
	f.Fuzz(func(t *testing.T, raw []byte, fields uint8) {
		fields = fields%maxFields + 1
		if _, err := decodeBlock(raw, someKey, int(fields)); err != nil && !errors.Is(err, errBlock) {
			t.Fatal(err)
		}
		b, err := decodeBlock(seal(append(make([]byte, codeHead), raw...), someKey), someKey, int(fields)) // as though the checksum held
		if _, herr := decodeHead(seal(append(make([]byte, codeHead), raw...), someKey), someKey); herr != nil && !errors.Is(herr, errBlock) {
			t.Fatal(herr)
		}
		if err != nil {
			if !errors.Is(err, errBlock) {
				t.Fatal(err)
			}
			return
		}
		for _, c := range b.cells {
			if c.n > 0 && !(c.min <= c.mean && c.mean <= c.max) {
				t.Fatalf("read %v", c)
			}
		}
		again, err := decodeBlock(b.encode(someKey), someKey, int(fields))
		if err != nil {
			t.Fatal(err)
		}
		near(t, again, b)
	})
}
