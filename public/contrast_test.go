package public

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// tokens are the colours of the design, dark and light: the page has these and no others of these names.
var tokens = map[string][2]string{
	"bg": {"#0B1214", "#E8EDEC"}, "panel": {"#10191C", "#FBFCFC"}, "inset": {"#0C1416", "#F1F5F4"}, "hover": {"#172327", "#EEF3F2"},
	"errbg": {"#2A1614", "#FBEAE6"}, "line": {"#24343A", "#CBD6D5"}, "grid": {"#1B282C", "#E3EAE9"}, "edge": {"#5F757C", "#6E8287"},
	"ink": {"#E8F0EE", "#0E1D21"}, "ink2": {"#A9BABC", "#40545A"}, "ink3": {"#869A9D", "#56696F"}, "ok": {"#4FD1A5", "#0A7350"},
	"way": {"#58C7EE", "#0B6488"}, "warn": {"#F5B83D", "#855400"}, "err": {"#FF7F6B", "#B92614"}, "a": {"#86AEDB", "#2F66A3"},
}

// What stands on what, and how well it is to be told from it: text by 4.5, and the edge of a control by 3.
var (
	surfaces = []string{"bg", "panel", "inset", "hover", "errbg"}
	texts    = []string{"ink", "ink2", "ink3", "ok", "way", "warn", "err", "a"}
)

var (
	property = regexp.MustCompile(`--([a-z0-9]+): (light-dark\([^)]*\)|#[0-9A-Fa-f]{3,8})`)
	colour   = regexp.MustCompile(`#[0-9A-Fa-f]{3,8}`)
)

func TestContrast(t *testing.T) {
	css, err := Files.ReadFile("telltale.css")
	if err != nil {
		t.Fatal(err)
	}
	root, _, ok := strings.Cut(string(css), "}")
	if !ok {
		t.Fatal("the stylesheet has no rule")
	}
	is := map[string][2]string{}
	for _, m := range property.FindAllStringSubmatch(root, -1) {
		both := colour.FindAllString(m[2], -1)
		is[m[1]] = [2]string{both[len(both)-1], both[0]} // light-dark(light, dark)
	}
	for name, want := range tokens {
		if got := is[name]; !strings.EqualFold(got[0], want[0]) || !strings.EqualFold(got[1], want[1]) {
			t.Errorf("--%s is %s in the dark and %s in the light, want %s and %s", name, got[0], got[1], want[0], want[1])
		}
	}
	for name := range is {
		if _, known := tokens[name]; !known {
			t.Errorf("--%s is no token of the design", name)
		}
	}
	for theme, word := range []string{"dark", "light"} {
		check := func(on, text string, least float64) {
			if r := contrast(t, is[text][theme], is[on][theme]); r < least {
				t.Errorf("%s: %s on %s is told from it by %.2f, want %.1f", word, text, on, r, least)
			}
		}
		for _, on := range surfaces {
			for _, text := range texts {
				check(on, text, 4.5)
			}
			check(on, "edge", 3)
		}
		// A solid button is the other way round.
		check("ink", "bg", 4.5)
	}
}

// contrast is that of WCAG 2.2 between two colours: 1 to 21.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + .05) / (min(la, lb) + .05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	if len(colour) != 7 {
		t.Fatalf("the colour %q is not as #RRGGBB", colour)
	}
	l := 0.0
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
}
