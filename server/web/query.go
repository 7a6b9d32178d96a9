package web

import (
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/mcp-cloud/telltale/shared/event"
)

// fixQuery mends a query built by gluing "?auth=…" to a URL that had one already, as the platform's guide does: a second
// "?" is read as "&". A "?" that is meant as text arrives as %3F and stays.
func fixQuery(raw string) string { return strings.ReplaceAll(raw, "?", "&") }

// query returns the parameters of a request. Those we do not know are nobody's mistake and are ignored, but for those that filterOf refuses.
func query(r *http.Request) (url.Values, error) {
	v, err := url.ParseQuery(fixQuery(r.URL.RawQuery))
	if err != nil {
		return nil, fail(http.StatusBadRequest, "The query can't be read: %v. Percent-encode what is not a letter or digit.", err)
	}
	return v, nil
}

// serverOf returns the server that the path names, or "" on a path that names none.
func serverOf(r *http.Request) (string, error) {
	id, named := mux.Vars(r)["id"]
	if !named {
		return "", nil
	}
	if err := event.CheckServer(id); err != nil {
		p := fail(http.StatusBadRequest, "The server in the path, %.40q: %v.", id, err)
		p.Field = "id"
		return "", p
	}
	return id, nil
}

// filterOf returns the filter a request asks for: the server of its path, else its "servers", and its "types". A
// parameter given twice counts as one list.
func filterOf(r *http.Request, q url.Values) (event.Filter, error) {
	server, err := serverOf(r)
	if err != nil {
		return event.Filter{}, err
	}
	if err := misspelt(q, server != ""); err != nil {
		return event.Filter{}, err
	}
	servers := strings.Join(q["servers"], ",")
	if server != "" {
		servers = ""
	}
	f, err := event.ParseFilter(servers, strings.Join(q["types"], ","))
	if err != nil {
		return f, err
	}
	if server != "" {
		f = f.ForServer(server)
	}
	return f, nil
}

// placeOf reads a place from a query parameter; absent or empty is the zero place.
func placeOf(q url.Values, name string) (event.ID, error) {
	text := q.Get(name)
	if text == "" {
		return event.ID{}, nil
	}
	id, err := event.ParseID(text)
	if err != nil {
		p := fail(http.StatusBadRequest, "%s=%.60q: %v.", name, text, err)
		p.Field = name
		return event.ID{}, p
	}
	return id, nil
}

// numberOf reads a whole number above zero from a query parameter; absent or empty is 0.
func numberOf(q url.Values, name string) (int, error) {
	text := q.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		p := fail(http.StatusBadRequest, "%s=%.60q: want a whole number above zero.", name, text)
		p.Field = name
		return 0, p
	}
	return n, nil
}

// What "rate" may be, in samples a second.
const (
	minRate = 0.01
	maxRate = 20 // what the throttle of publishers leaves, unless told otherwise
)

// rateOf reads how many samples of each type and server a stream sends in a second at most, such as 1 or 0.2, and returns the time
// from one to the next; absent or empty is zero: all of them. Of those in between the newest is sent; lines come as often, and
// none is left out; state comes at once and brings what came before it.
func rateOf(q url.Values) (every time.Duration, err error) {
	text := q.Get("rate")
	if text == "" {
		return 0, nil
	}
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || !(rate >= minRate && rate <= maxRate) { // nor NaN
		p := fail(http.StatusBadRequest, "rate=%.60q: want how many samples a second are enough, from %v to %v.", text, minRate, maxRate)
		p.Field = "rate"
		return 0, p
	}
	return time.Duration(float64(time.Second) / rate).Round(time.Millisecond), nil // those who ask for about the same share the bytes
}

// negotiate returns the one of the offered media types that the Accept headers like best: by quality, then by how exactly
// they name it, then in the order of offers. Without an Accept header that is the first; "" when none will do.
func negotiate(accept []string, offers ...string) string {
	header := strings.TrimSpace(cut(strings.Join(accept, ","), maxAccept))
	if header == "" {
		return offers[0]
	}
	best, bestQ, bestExact := "", 0.0, -1
	for _, offer := range offers {
		q, exact := quality(header, offer)
		if q > bestQ || q == bestQ && q > 0 && exact > bestExact {
			best, bestQ, bestExact = offer, q, exact
		}
	}
	return best
}

// quality returns what an Accept header makes of a media type: the q of the range that names it most exactly (2: by name,
// 1: "type/*", 0: "*/*"), or 0 and -1 when none does. Ranges that can't be read are skipped.
func quality(header, offer string) (q float64, exact int) {
	exact = -1
	kind, _, _ := strings.Cut(offer, "/")
	for part := range strings.SplitSeq(header, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		match := -1
		switch media {
		case offer:
			match = 2
		case kind + "/*":
			match = 1
		case "*/*":
			match = 0
		}
		if match <= exact {
			continue
		}
		v := 1.0
		if text, ok := params["q"]; ok {
			if f, err := strconv.ParseFloat(text, 64); err == nil && f >= 0 && f <= 1 {
				v = f
			}
		}
		q, exact = v, match
	}
	return q, exact
}
