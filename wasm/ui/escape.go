package ui

import (
	"strings"
	"unicode/utf8"
)

// AppendText appends s as HTML text, fit for an element's content and for a quoted attribute: whatever a stranger wrote
// stays text. Control characters, which a terminal would obey and a browser drops or shows as boxes, become U+FFFD; tabs
// and line ends stay; the marks that reverse the direction of what follows them are shown, not obeyed.
func AppendText[T ~string | ~[]byte](b []byte, s T) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if esc := escapes[c]; esc != "" {
				b = append(b, s[from:i]...)
				b = append(b, esc...)
				from = i + 1
			}
			i++
			continue
		}
		r, size := decodeRune(s, i)
		if r == utf8.RuneError && size == 1 || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			b = append(b, s[from:i]...)
			b = add(b, "\ufffd")
			from = i + size
		}
		i += size
	}
	return append(b, s[from:]...)
}

func decodeRune[T ~string | ~[]byte](s T, i int) (rune, int) {
	// At most four bytes are copied, and only for what is not ASCII.
	return utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
}

var escapes = func() (t [utf8.RuneSelf]string) {
	for c := range t {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			t[c] = "\ufffd"
		}
	}
	t['&'], t['<'], t['>'], t['"'], t['\''] = "&amp;", "&lt;", "&gt;", "&#34;", "&#39;"
	return t
}()

// unescaper turns what AppendText made back into text, for what is copied.
var unescaper = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'")

func unescape(s string) string { return unescaper.Replace(s) }
