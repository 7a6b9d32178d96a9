package event

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestParseID(t *testing.T) {
	for _, tt := range []struct {
		s    string
		want ID
	}{
		{"1.1", ID{1, 1}},
		{"7f3a1c09.658512", ID{0x7f3a1c09, 658512}},
		{"ffffffff.18446744073709551615", ID{math.MaxUint32, math.MaxUint64}},
		{"a.10", ID{10, 10}},
	} {
		got, err := ParseID(tt.s)
		if err != nil || got != tt.want || got.String() != tt.s {
			t.Errorf("%q: got %v, %v, want %v", tt.s, got, err, tt.want)
		}
	}
	for _, s := range []string{
		"", ".", "1", "1.", ".1", "0.1", "1.00", "01.1", "1.01", "A.1", "g.1", "1.a", "-1.1", "+1.1", "1.+1", "1.-1", " 1.1", "1.1 ", "1.1\n", "1.1.1", "1,1", "0x1.1",
		"100000000.1", "1.18446744073709551616", "1.99999999999999999999", "1.184467440737095516150", "１.1", "1_0.1", "1.1_0",
	} {
		if got, err := ParseID(s); !errors.Is(err, ErrID) {
			t.Errorf("%q is read as %+v, %v, want %v", s, got, err, ErrID)
		}
	}
}

func TestIDText(t *testing.T) {
	b, err := json.Marshal(Heartbeat{Place: ID{0x7f, 12}})
	if want := `"place":"7f.12"`; err != nil || !strings.Contains(string(b), want) {
		t.Errorf("got %s, %v, want %s", b, err, want)
	}
	id := ID{1, 1}
	if err := json.Unmarshal([]byte(`""`), &id); err != nil || !id.IsZero() {
		t.Errorf("the empty text: got %v, %v, want the zero ID", id, err)
	}
	id = ID{1, 1}
	if err := json.Unmarshal([]byte(`"x"`), &id); !errors.Is(err, ErrID) || id != (ID{1, 1}) {
		t.Errorf("bad text: got %v, %v, want %v and no change", id, err, ErrID)
	}
	if got := (ID{}).String() + string(ID{}.Append(nil)); got != "" {
		t.Errorf("the zero ID writes %q", got)
	}
}

func TestIDCompare(t *testing.T) {
	ids := []ID{{2, 1}, {1, 10}, {1, 9}, {}, {1, math.MaxUint64}}
	slices.SortFunc(ids, ID.Compare)
	if want := []ID{{}, {1, 9}, {1, 10}, {1, math.MaxUint64}, {2, 1}}; !slices.Equal(ids, want) {
		t.Errorf("got %v, want %v", ids, want)
	}
}

// FuzzID: what ParseID reads, String writes back byte for byte, so that equal places are equal texts.
func FuzzID(f *testing.F) {
	for _, s := range []string{"7f3a1c09.658512", "1.1", "1.0", "0.0", "ffffffff.18446744073709551615", "1.18446744073709551616", "a.b", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err == nil && (id.String() != s || id.Epoch == 0) {
			t.Errorf("%q is read as %+v, which is %q", s, id, id)
		}
		if err != nil && !id.IsZero() {
			t.Errorf("%q: %v and %+v", s, err, id)
		}
	})
}
