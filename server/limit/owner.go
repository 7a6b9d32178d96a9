package limit

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mcp-cloud/telltale/shared/event"
)

// agentBytes bounds what is kept of a user agent.
const agentBytes = 120

// Owner says whose a stream is.
type Owner struct {
	User   string     // "": nobody knows
	Addr   netip.Addr // the reader's, not a proxy's; the zero Addr is not counted
	Agent  string     // what the reader calls itself; it is cut to a bound and kept without control characters
	Filter string     // what the stream shows, for people
	// Right is what the stream's right to read rests on. The registry never looks at it and hands it to EndWhere's test. Streams may share it.
	Right any
}

// LogValue is what log lines say of the owner of a stream that was not admitted.
func (o Owner) LogValue() slog.Value {
	return slog.GroupValue(slog.String("user", o.User), slog.String("address", addrText(o.Addr)))
}

// Over is the error of one who is over a limit.
type Over struct {
	Which      string // event.LimitUser, event.LimitAddress or event.LimitAll
	Limit      int
	RetryAfter time.Duration // above zero
}

func (o *Over) Error() string { return "limit: " + o.text() }

func (o *Over) text() string {
	switch o.Which {
	case event.LimitUser:
		return fmt.Sprintf("You have %d streams open, which is as many as one user may have.", o.Limit)
	case event.LimitAddress:
		return fmt.Sprintf("%d streams are open from your address, which is as many as one address may have.", o.Limit)
	}
	return fmt.Sprintf("%d streams are open, which is as many as this server serves.", o.Limit)
}

// Help says what one can do about it.
func (o *Over) Help() string {
	switch o.Which {
	case event.LimitUser:
		return "End one of your other streams. Until then this one comes back on its own for what is new."
	case event.LimitAddress:
		return "Close another stream from your address, or sign in. Until then this one comes back on its own for what is new."
	}
	return "Nothing: this stream comes back on its own for what is new, and goes live when there is room."
}

// Event returns what the stream says of it, for the Poll of a stream.Request.
func (o *Over) Event() *event.Limit {
	return &event.Limit{
		Reason: o.Which, Message: o.text(), Max: event.Num(o.Limit), Help: o.Help(), RetryMs: o.RetryAfter.Milliseconds(),
	}
}

// newID is random, so that nobody can tell from his own how many others there are, and always of the same length.
func newID() uint64 { return rand.Uint64()>>1 | 1<<62 }

// IsID reports whether a stream could have that id.
func IsID(id string) bool {
	_, err := strconv.ParseUint(id, 36, 64)
	return err == nil && len(id) <= 13
}

// PrefixOf returns by what an address counts: of IPv6 a /64, as one machine has all of it.
func PrefixOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address at all
	}
	return p
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().String()
}

// clean cuts what a stranger says of itself to a bound, and takes out what is not text.
func clean(s string) string {
	if len(s) > agentBytes {
		for s = s[:agentBytes]; len(s) > 0; s = s[:len(s)-1] {
			if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size > 1 {
				break
			}
		}
	}
	return strings.Clone(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, s))
}
