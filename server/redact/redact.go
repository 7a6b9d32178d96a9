package redact

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Redactor finds and replaces secrets.
type Redactor struct {
	keys   *keyTable
	own    []ownRule
	except []*regexp.Regexp
	off    []bool          // by kind
	names  []string        // by kind
	marks  []string        // by kind
	known  map[string]bool // names
	counts []atomic.Int64  // by kind
	salt   []byte          // of the fingerprints of keys
	pool   sync.Pool       // of *scratch
}

// ownRule is a rule of the configuration.
type ownRule struct {
	kind kind
	re   *regexp.Regexp
}

// Event returns ev with the secrets in its Data and Key replaced. What ev shares with others is not changed: the answer has
// Data of its own where there was something to replace.
//
// A Key that holds a secret keeps telling events apart: its mark is followed by a fingerprint that only this process can make. So
// what is published again with such an id after a restart, or to another instance, is recorded again.
func (r *Redactor) Event(ev event.Event) event.Event {
	s := r.scratch()
	defer r.free(s)
	ev.Data = r.data(s, ev.Data)
	if ev.Key != "" {
		if key, changed := r.string(s, ev.Key); changed {
			ev.Key = r.fingerprint(key, ev.Key)
		}
	}
	return ev
}

// Text returns text with the secrets in it replaced.
func (r *Redactor) Text(text string) string {
	s := r.scratch()
	defer r.free(s)
	text, _ = r.string(s, text)
	return text
}

// Counts returns how many secrets of each kind were replaced since New, for metrics.
func (r *Redactor) Counts() map[string]int64 {
	out := make(map[string]int64)
	for k := range r.counts {
		if n := r.counts[k].Load(); n > 0 {
			out[r.names[k]] += n
		}
	}
	return out
}

// passes bounds how often what was redacted is looked at again: a mark may bring to light what stood around a secret, and as
// often as not one more look is all that takes.
const passes = 4

// data redacts JSON; what is none is taken as a text.
func (r *Redactor) data(s *scratch, data []byte) []byte {
	for range passes {
		s.cuts = s.cuts[:0]
		if !r.object(s, data) {
			s.cuts = s.cuts[:0]
			r.text(s, data)
		}
		if len(s.cuts) == 0 {
			break
		}
		data = r.apply(s, data)
	}
	return data
}

func (r *Redactor) string(s *scratch, text string) (out string, changed bool) {
	for range passes {
		s.cuts = s.cuts[:0]
		s.text = append(s.text[:0], text...)
		r.text(s, s.text)
		if len(s.cuts) == 0 {
			break
		}
		text, changed = string(r.apply(s, s.text)), true
	}
	return text, changed
}

// apply returns a copy of b with marks in the place of the cuts, and counts them.
func (r *Redactor) apply(s *scratch, b []byte) []byte {
	size := len(b)
	for _, c := range s.cuts {
		size += max(0, len(r.marks[c.kind])+2-(c.to-c.from))
	}
	out := make([]byte, 0, size)
	at := 0
	for _, c := range s.cuts {
		out = append(out, b[at:c.from]...)
		if c.quote {
			out = append(out, '"')
		}
		out = append(out, r.marks[c.kind]...)
		if c.quote {
			out = append(out, '"')
		}
		at = c.to
		r.counts[c.kind].Add(1)
	}
	return append(out, b[at:]...)
}

// apart puts cuts in order; where two overlap they become one, of the kind of the first.
func apart(cuts []cut) []cut {
	slices.SortStableFunc(cuts, func(a, b cut) int { return a.from - b.from })
	out := cuts[:1]
	for _, c := range cuts[1:] {
		if last := &out[len(out)-1]; c.from < last.to {
			last.to = max(last.to, c.to)
			continue
		}
		out = append(out, c)
	}
	return out
}

// fingerprint makes a Key of a redacted one that is as different from others as the real one.
func (r *Redactor) fingerprint(redacted, real string) string {
	mac := hmac.New(sha256.New, r.salt)
	mac.Write([]byte(real))
	print := " " + hex.EncodeToString(mac.Sum(nil)[:16])
	for len(redacted)+len(print) > event.MaxKeyLen || len(redacted) > 0 && redacted[len(redacted)-1] >= 0x80 {
		redacted = redacted[:len(redacted)-1]
	}
	return redacted + print
}

// maxKept bounds what a scratch keeps for the next: most events are far smaller, and one that is not should not stay for ever.
const maxKept = 64 << 10

func (r *Redactor) scratch() *scratch {
	if s, ok := r.pool.Get().(*scratch); ok {
		return s
	}
	return &scratch{cuts: make([]cut, 0, 16), stack: make([]frame, 0, 16)}
}

func (r *Redactor) free(s *scratch) {
	if cap(s.text) > maxKept {
		s.text, s.at = nil, nil
	}
	if cap(s.cuts) > 1024 || cap(s.stack) > 1024 || cap(s.late) > 1024 {
		return
	}
	r.pool.Put(s)
}

// New returns a Redactor with these rules beside its own. The error is a *RuleError that names the rule that is wrong.
func New(rules Rules) (*Redactor, error) {
	r := &Redactor{names: slices.Clone(kindNames[:]), known: make(map[string]bool), salt: make([]byte, 32)}
	rand.Read(r.salt)
	if err := r.configure(rules); err != nil {
		return nil, err
	}
	r.marks = make([]string, len(r.names))
	for k, name := range r.names {
		r.marks[k] = fmt.Sprintf("%s%s%c", markFrom, name, markTo)
		if name != "" {
			r.known[name] = true
		}
	}
	r.counts = make([]atomic.Int64, len(r.names))
	return r, nil
}
