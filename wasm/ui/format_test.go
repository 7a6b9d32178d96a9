package ui

import (
	"math"
	"strings"
	"testing"
	"time"
)

// plain shows the signs that can't be seen: a narrow no-break space is written as "_".
func plain(b []byte) string { return strings.ReplaceAll(string(b), nnbsp, "_") }

func TestQuantity(t *testing.T) {
	for _, c := range []struct {
		v    float64
		u    Unit
		want string
	}{
		{42.1, Percent, "42.1_%"},
		{0.4, Percent, "0.4_%"},
		{0, Percent, "0.0_%"},
		{-0.01, Percent, "0.0_%"},
		{99.94, Percent, "99.9_%"},
		{99.96, Percent, "100_%"},
		{100, Percent, "100_%"},
		{3.2 * (1 << 30), Bytes, "3.2_GiB"},
		{912 * (1 << 20), Bytes, "912_MiB"},
		{1023 * (1 << 20), Bytes, "1.0_GiB"},
		{999 * (1 << 20), Bytes, "999_MiB"},
		{512, Bytes, "512_B"},
		{0, Bytes, "0_B"},
		{2 * (1 << 50), Bytes, "2.0_PiB"},
		{1.4e6, ByteRate, "1.4_MB/s"},
		{640e3, ByteRate, "640_kB/s"},
		{999.6e3, ByteRate, "1.0_MB/s"},
		{52e3, ByteRate, "52.0_kB/s"},
		{214, Milli, "214_ms"},
		{38.4, Milli, "38_ms"},
		{1300, Milli, "1.3_s"},
		{999.7, Milli, "1.0_s"},
		{41.2, PerSecond, "41.2_/s"},
		{1204, Count, "1_204"},
		{1234567, Count, "1_234_567"},
		{-1204, Count, "-1_204"},
		{math.NaN(), Percent, "—"},
		{math.Inf(1), Bytes, "—"},
	} {
		if got := plain(AppendQuantity(nil, c.v, c.u)); got != c.want {
			t.Errorf("AppendQuantity(%v, %d): got %q, want %q", c.v, c.u, got, c.want)
		}
	}
	if got, want := plain(AppendQuantityHTML(nil, 42.1, Percent)), "<b>42.1</b><i>_%</i>"; got != want {
		t.Errorf("AppendQuantityHTML: got %q, want %q", got, want)
	}
	if got, want := plain(AppendQuantityHTML(nil, math.NaN(), Percent)), "<b>—</b>"; got != want {
		t.Errorf("AppendQuantityHTML of NaN: got %q, want %q", got, want)
	}
}

func TestDurations(t *testing.T) {
	for _, c := range []struct {
		name   string
		append func([]byte, time.Duration) []byte
		d      time.Duration
		want   string
	}{
		{"duration", AppendDuration, 45 * time.Second, "45_s"},
		{"duration", AppendDuration, 135 * time.Second, "2_min 15_s"},
		{"duration", AppendDuration, 128 * time.Second, "2_min 08_s"},
		{"duration", AppendDuration, 38*time.Minute + 50*time.Second, "38_min"},
		{"duration", AppendDuration, 4*time.Hour + 59*time.Minute, "4_h"},
		{"duration", AppendDuration, 51 * time.Hour, "2_d"},
		{"duration", AppendDuration, -time.Second, "0_s"},
		{"long", AppendDurationLong, 38*time.Minute + 50*time.Second, "38_min 50_s"},
		{"long", AppendDurationLong, 4*time.Hour + 5*time.Minute, "4_h 05_min"},
		{"long", AppendDurationLong, 51 * time.Hour, "2_d 3_h"},
		{"took", AppendTook, 214 * time.Millisecond, "214_ms"},
		{"took", AppendTook, 38200 * time.Millisecond, "38.2_s"},
		{"took", AppendTook, 59990 * time.Millisecond, "1_min 00_s"},
		{"took", AppendTook, 161 * time.Second, "2_min 41_s"},
		{"age", AppendAge, 200 * time.Millisecond, "0.2_s"},
		{"age", AppendAge, 9900 * time.Millisecond, "9.9_s"},
		{"age", AppendAge, 9960 * time.Millisecond, "9_s"},
		{"age", AppendAge, 14 * time.Second, "14_s"},
		{"age", AppendAge, 3 * time.Minute, "3_min"},
		{"age", AppendAge, 37 * time.Minute, "37_min"},
		{"age", AppendAge, -time.Minute, "0.0_s"},
	} {
		if got := plain(c.append(nil, c.d)); got != c.want {
			t.Errorf("%s of %v: got %q, want %q", c.name, c.d, got, c.want)
		}
	}
}

func TestTimes(t *testing.T) {
	zone := time.FixedZone("CEST", 2*3600)
	now := time.Date(2026, 5, 12, 12, 41, 7, 0, zone)
	for _, c := range []struct {
		t    time.Time
		want string
	}{
		{time.Date(2026, 5, 12, 10, 4, 31, 0, time.UTC), "12:04:31"},
		{time.Date(2026, 5, 11, 22, 30, 0, 0, time.UTC), "00:30:00"}, // today, over there
		{time.Date(2026, 5, 10, 9, 30, 0, 0, zone), "Sun 09:30"},
		{time.Date(2026, 4, 2, 9, 30, 0, 0, zone), "2 Apr 09:30"},
		{time.Time{}, "—"},
	} {
		if got := string(AppendWhen(nil, c.t, now)); got != c.want {
			t.Errorf("AppendWhen(%v): got %q, want %q", c.t, got, c.want)
		}
	}
	if got, want := string(AppendLogTime(nil, time.Date(2026, 5, 12, 12, 4, 31, 482_000_000, zone))), `12:04:31<span class="ms">.482</span>`; got != want {
		t.Errorf("AppendLogTime: got %q, want %q", got, want)
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"},
		{`<b a="1" c='2'>&`, "&lt;b a=&#34;1&#34; c=&#39;2&#39;&gt;&amp;"},
		{"grün 数 😀", "grün 数 😀"},
		{"a\x1b[31mb\x00", "a\ufffd[31mb\ufffd"},
		{"tab\tline\n", "tab\tline\n"},
		{"bad \xff utf", "bad \ufffd utf"},
		{"flip \u202e gpj.exe", "flip \ufffd gpj.exe"},
	} {
		if got := string(AppendText(nil, c.in)); got != c.want {
			t.Errorf("AppendText(%q): got %q, want %q", c.in, got, c.want)
		}
		if got := string(AppendText(nil, []byte(c.in))); got != c.want {
			t.Errorf("AppendText([]byte(%q)): got %q, want %q", c.in, got, c.want)
		}
	}
}
