package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// deepEqual is reflect.DeepEqual, but a nil slice and an empty one are the same list.
func deepEqual(a, b any) bool {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	if va.Type() != vb.Type() {
		return false
	}
	for i := range va.NumField() {
		fa, fb := va.Field(i), vb.Field(i)
		if fa.Kind() == reflect.Slice && fa.Len() == 0 && fb.Len() == 0 {
			continue
		}
		if !reflect.DeepEqual(fa.Interface(), fb.Interface()) {
			return false
		}
	}
	return true
}

// decodeSlowly is what Kind.Decode promises, through encoding/json: of each field the last member of exactly its name
// that encoding/json can read into it. The differences from one json.Unmarshal of the whole are those that Decode's comment
// states, and that an "id" may be a number, that null is missing in a field of any JSON too, and that classes we do not know are passed over.
func decodeSlowly(t *testing.T, r *row, data []byte) any {
	t.Helper()
	v := reflect.New(r.payloadType()).Elem()
	dec := json.NewDecoder(bytes.NewReader(data))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if name != tok.(string) || string(raw) == "null" {
				continue
			}
			into := reflect.New(v.Field(i).Type())
			err := json.Unmarshal(raw, into.Interface())
			if n := json.Number(""); err != nil && name == "id" && json.Unmarshal(raw, &n) == nil && raw[0] != '"' {
				if _, err := n.Float64(); err == nil {
					into.Elem().SetString(n.String())
				}
				v.Field(i).Set(into.Elem())
				continue
			}
			if into.Type() == reflect.TypeFor[*[]Class]() && err != nil {
				var names []string
				if json.Unmarshal(raw, &names) != nil {
					continue
				}
				known := []Class{}
				for _, name := range names {
					var c Class
					if c.UnmarshalText([]byte(name)) == nil {
						known = append(known, c)
					}
				}
				into.Elem().Set(reflect.ValueOf(known))
				err = nil
			}
			if into.Type() == reflect.TypeFor[*ID]() && string(raw) == `""` {
				continue
			}
			if err != nil {
				continue
			}
			if when, ok := into.Interface().(*time.Time); ok {
				*when = when.UTC().Truncate(time.Millisecond)
			}
			v.Field(i).Set(into.Elem())
		}
	}
	return v.Interface()
}

// FuzzDecodePayload: for any JSON object our decoders agree with encoding/json.
func FuzzDecodePayload(f *testing.F) {
	for i := range rows {
		f.Add(uint8(i), []byte(sample(rows[i].name)))
		f.Add(uint8(i), bytes.ReplaceAll(sample(rows[i].name), []byte(`":`), []byte("\" :\t")))
	}
	for _, s := range []string{
		`{"usage":1,"usage":"x","usage":2e0,"usage":null,"Usage":3,"us\u0061ge":-0.5}`,
		`{"value":1e999,"cores":12345678901234567890,"processes":0.1000000000000000055511151231257827,"usage":9007199254740993,"value":999999999999.999}`,
		`{"message":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83d\u0041\ude00\uD83D\uDE00\u00C9\uabcd","level":"\u0069nfo","context":[{"a":"}]"}]}`,
		`{"statusCode":200.0,"statusCode":-1,"statusCode":99999999999999999999,"critical":true,"critical":"no"}`,
		`{"startTime":"2024-02-29T23:59:59.999Z","idleSince":"2023-02-29T00:00:00.000Z","shutdownTime":"2024-12-31T23:59:60.000Z"}`,
		`{"startTime":"2026-01-02t03:04:05z","idleSince":"2026-01-02T03:04:05,5Z","shutdownTime":"2026-01-02T03:04:05.123456789+23:59"}`,
		`{"logs":["a",null,"b"],"logs":[1],"logs":[],"classes":["sample","later"],"place":"7f.1","from":"","to":"x"}`,
		`{"id":7,"id":"x","id":1.50,"config":null,"config":{},"context":"text"}`,
	} {
		for i := range rows {
			f.Add(uint8(i), []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		if !json.Valid(data) || !utf8.Valid(data) || bytes.TrimSpace(data)[0] != '{' {
			return
		}
		r := &rows[int(kind)%len(rows)]
		got, err := r.decodePayload(data)
		if err != nil {
			t.Fatalf("%s %s: %v", r.name, data, err)
		}
		if want := decodeSlowly(t, r, data); !deepEqual(got, want) {
			t.Errorf("%s %s:\n got %+v\nwant %+v", r.name, data, got, want)
		}
	})
}

func TestDecodeIsLenient(t *testing.T) {
	data := []byte(`{"usage":"high","cores":8,"processes":{},"colour":"red","type":7}`)
	got, err := MetricsCPU.Decode(data)
	if want := (CPU{Cores: Num(8)}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, data := range []string{"", "null", "[]", "7", `"x"`, `{`, `{"cores":8`, `{"cores":8,}`, `{"cores":8 "usage":1}`, `{"cores" 8}`, `{cores:8}`, `{"a":}`, `{"a":1]`, `{"\x":1}`, `{"a`, `{"a\`} {
		if _, err := MetricsCPU.Decode([]byte(data)); !errors.Is(err, ErrData) {
			t.Errorf("%q: got %v, want %v", data, err, ErrData)
		}
	}
	if got, err := MetricsCPU.Decode([]byte(`{"cores":8,"usage":`)); !errors.Is(err, ErrData) || got.Cores != Num(8) {
		t.Errorf("of a cut object: got %+v, %v, want what was there", got, err)
	}
}

func TestNumber(t *testing.T) {
	for _, tt := range []struct {
		n    Number
		json string
	}{
		{Num(0), "0"}, {Num(-0.5), "-0.5"}, {Num(42), "42"}, {Num(uint64(1 << 53)), "9007199254740992"},
		{Num(1e21), "1e+21"}, {Num(123456789012345680000.0), "123456789012345680000"}, {Num(0.000001), "0.000001"}, {Num(1e-7), "1e-07"},
		{Number{}, "null"}, {Num(math.NaN()), "null"}, {Num(math.Inf(-1)), "null"},
	} {
		b, err := json.Marshal(tt.n)
		if err != nil || string(b) != tt.json {
			t.Errorf("%v: got %s, %v, want %s", tt.n, b, err, tt.json)
		}
		var back Number
		if err := json.Unmarshal(b, &back); err != nil || back != tt.n {
			t.Errorf("%s: got %v, %v, want %v", b, back, err, tt.n)
		}
	}
	var n Number
	for _, bad := range []string{`"1"`, `true`, `{}`, `1e999`} {
		if err := json.Unmarshal([]byte(bad), &n); err == nil {
			t.Errorf("%s is read as %v", bad, n)
		}
	}
	if v, ok := Num(0).Get(); v != 0 || !ok {
		t.Errorf("Num(0).Get() = %v, %t", v, ok)
	}
	if v, ok := (Number{}).Get(); v != 0 || ok {
		t.Errorf("missing: Get() = %v, %t", v, ok)
	}
	if got := (Number{}).Or(7); got != 7 {
		t.Errorf("missing: Or(7) = %v", got)
	}
	if got := Num(0).Or(7); got != 0 {
		t.Errorf("0: Or(7) = %v", got)
	}
	if got := Num(1.5).String() + (Number{}).String(); got != "1.5" {
		t.Errorf("String: got %q", got)
	}
	b, err := json.Marshal(CPU{Usage: Num(0)})
	if want := `{"usage":0}`; err != nil || string(b) != want {
		t.Errorf("0 is a number, missing is not: got %s, %v, want %s", b, err, want)
	}
}

// What JSON has no word for is no number, though strconv would read it.
func TestParseNumberIsJSON(t *testing.T) {
	for _, s := range []string{"", "-", ".", ".5", "+1", "0x10", "1_000", "Inf", "-Inf", "-Infinity", "NaN", "1e", "--1", "1.2.3", "1e999", "-1e999", "1 2"} {
		if f, ok := parseNumber([]byte(s)); ok {
			t.Errorf("%q is read as %v", s, f)
		}
	}
}

// The short way gives the nearest float64, as strconv does.
func TestParseNumberIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		b := strconv.AppendUint(nil, random.Uint64()>>random.UintN(64), 10)
		if point := random.IntN(len(b) + 1); point < len(b) {
			b = slices.Insert(b, max(point, 1), '.')
			b = append(b, '5')
		}
		want, err := strconv.ParseFloat(string(b), 64)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := parseNumber(b); !ok || got != want {
			t.Fatalf("%s: got %v, %t, want %v", b, got, ok, want)
		}
	}
}

func TestIntern(t *testing.T) {
	a, b := intern([]byte("web-1")), intern([]byte("web-1"))
	if a != "web-1" || b != "web-1" {
		t.Errorf("got %q, %q", a, b)
	}
	if n := testing.AllocsPerRun(100, func() { intern([]byte("web-1")) }); n != 0 {
		t.Errorf("%v allocations for a known text", n)
	}
	// Ever more texts, and each is itself.
	buf := []byte("000000")
	for i := range 100_000 {
		for j, n := len(buf)-1, i; j >= 0; j, n = j-1, n/10 {
			buf[j] = byte('0' + n%10)
		}
		if got := intern(buf); got != string(buf) {
			t.Fatalf("got %q, want %q", got, buf)
		}
	}
	long := strings.Repeat("x", MaxServerLen+1)
	if got := intern([]byte(long)); got != long {
		t.Errorf("got %d bytes, want %d", len(got), len(long))
	}
}

func TestParseTime(t *testing.T) {
	for _, s := range []string{
		"2026-09-14T12:04:31.207Z", "2024-02-29T00:00:00.000Z", "2026-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z", "9999-12-31T00:00:00.000Z",
		"2026-09-14T12:04:31Z", "2026-09-14T12:04:31.2Z", "2026-09-14T12:04:31.207999999Z", "2026-09-14T12:04:31.207+05:30", "2026-09-30T12:04:31.207Z", "2000-02-29T00:00:00.000Z", "1969-12-31T23:59:59.999Z", "2026-03-01T00:00:00.000Z",
	} {
		want, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		want = want.UTC().Truncate(time.Millisecond)
		if got, ok := parseTime([]byte(`"` + s + `"`)); !ok || got != want {
			t.Errorf("%s: got %v, %t, want %v", s, got, ok, want)
		}
	}
	for _, s := range []string{
		``, `12`, `null`, `""`, `"2026-09-14"`, `"2026-02-29T00:00:00.000Z"`, `"1900-02-29T00:00:00.000Z"`, `"2026-04-31T00:00:00.000Z"`, `"2026-13-01T00:00:00.000Z"`, `"2026-00-01T00:00:00.000Z"`,
		`"2026-01-00T00:00:00.000Z"`, `"2026-01-01T24:00:00.000Z"`, `"2026-01-01T00:60:00.000Z"`, `"2026-01-01T00:00:60.000Z"`,
		`"2026-01-01 00:00:00.000Z"`, `"+026-01-01T00:00:00.000Z"`, `2026-01-01T00:00:00.000Z`, `"2026-01-01T00:00:00.000"`,
	} {
		if got, ok := parseTime([]byte(s)); ok {
			t.Errorf("%s is read as %v", s, got)
		}
	}
}
