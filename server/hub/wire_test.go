package hub

import (
	"math/rand/v2"
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
)

// frames returns wire bytes with a frame for each place, some much longer than others, and where each ends.
func frames(r *rand.Rand, seqs []uint64) (b []byte, ends []int) {
	for _, seq := range seqs {
		e := ev("web-1.x", "logs:app", r.IntN(1000))
		if r.IntN(5) == 0 {
			e.Data = append(e.Data[:len(e.Data)-1:len(e.Data)-1], `,"pad":"`...)
			for range r.IntN(3000) {
				e.Data = append(e.Data, "abc:. \\n\\n"[r.IntN(8)])
			}
			e.Data = append(e.Data, `"}`...)
		}
		e.ID = place(seq)
		b = event.AppendFrame(b, e)
		ends = append(ends, len(b))
	}
	return b, ends
}

func TestWireBytesAreTheirOwnIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		var seqs []uint64
		for seq := r.Uint64N(100); len(seqs) < r.IntN(40); seq += 1 + r.Uint64N(3) {
			seqs = append(seqs, seq+1)
		}
		b, ends := frames(r, seqs)
		if got, want := lastSeq(b), uint64(0); len(seqs) == 0 && got != want {
			t.Fatalf("lastSeq of nothing: got %d, want %d", got, want)
		} else if len(seqs) > 0 && got != seqs[len(seqs)-1] {
			t.Fatalf("lastSeq: got %d, want %d", got, seqs[len(seqs)-1])
		}
		for after := range uint64(200) {
			want := 0
			for i, seq := range seqs {
				if seq <= after {
					want = ends[i]
				}
			}
			if got := seek(b, after); got != want {
				t.Fatalf("seek(%v, %d): got %d, want %d", seqs, after, got, want)
			}
		}
		for range 50 {
			if len(b) == 0 {
				break
			}
			limit := r.IntN(len(b) + 100)
			want := ends[0]
			for _, end := range ends {
				if end <= limit {
					want = end
				}
			}
			if got := cut(b, limit); got != want {
				t.Fatalf("cut at %d: got %d, want %d of %v", limit, got, want, ends)
			}
		}
	}
}
