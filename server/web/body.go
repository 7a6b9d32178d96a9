package web

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Bounds of one publishing request. They are far above what a publisher needs at once and far below what would hurt.
const (
	DefaultMaxBody = 4 << 20 // bytes as they arrive
	unfolds        = 4       // times that after decompression
	maxEvents      = 10_000
	maxWindow      = 8 << 20 // memory a zstd body may ask of us; what RFC 9659 allows on the web
)

// readBody returns the body of a publishing request, of at most so many bytes as they arrive, unfolded, and takes from l what it holds. Every error is a *problem or a
// client that is gone.
//
// The media types asked for are such that a page of another site can't send them without asking first (a form or a
// simple fetch sends none of them), so they are a lock and not only a label. What curl -d calls a form is let in where no
// browser can have sent it.
func readBody(w http.ResponseWriter, r *http.Request, l *lease, most int) ([]byte, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != mediaJSON && media != mediaNDJSON && !(media == mediaForm && noBrowser(r)) {
		return nil, fail(http.StatusUnsupportedMediaType,
			"Content-Type is %.60q: send application/json (one event or an array of them) or application/x-ndjson (one event a line).",
			r.Header.Get("Content-Type")).with("Accept", mediaJSON+", "+mediaNDJSON)
	}
	coding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ",")))
	switch coding {
	case "", "identity":
		coding = ""
	case "gzip", "x-gzip":
		coding = "gzip"
	case "zstd":
	default:
		return nil, fail(http.StatusUnsupportedMediaType, "Content-Encoding %.60q: send gzip, zstd or none.", coding).
			with("Accept-Encoding", "gzip, zstd")
	}
	body, err := readAll(http.MaxBytesReader(w, r.Body, int64(most)), most, l)
	if err != nil {
		return nil, bodyFailed(r, "", err)
	}
	if coding != "" {
		if body, err = unfold(body, coding, l, unfolds*most); err != nil {
			if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
				return nil, unfoldsTooFar(unfolds * most)
			}
			return nil, bodyFailed(r, coding, err)
		}
	}
	if len(body) > unfolds*most {
		return nil, unfoldsTooFar(unfolds * most)
	}
	return body, nil
}

// unfold decompresses a body, up to most bytes and one more. All of it has come before, as what a decompressor asks for
// must not be held for as long as a client likes.
func unfold(body []byte, coding string, l *lease, most int) ([]byte, error) {
	if coding == "gzip" {
		gz, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		defer gz.Close()
		return readAll(gz, most, l)
	}
	if err := l.grow(maxWindow); err != nil {
		return nil, err
	}
	defer l.shrink(maxWindow)
	zr, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(uint64(most)+1))
	if err != nil {
		return nil, err
	}
	defer zr.Close()
	return readAll(zr, most, l)
}

// noBrowser reports that the request has none of the headers that every browser puts on a POST of a page.
func noBrowser(r *http.Request) bool {
	for _, name := range []string{"Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Referer"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	return true
}

func unfoldsTooFar(most int) *problem {
	return fail(http.StatusRequestEntityTooLarge, "The body unfolds to more than %d bytes: send fewer events at once.", most)
}

// bodyFailed names what went wrong while a body of the given coding was read.
func bodyFailed(r *http.Request, coding string, err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return err
	case errors.Is(err, errCrowded):
		return errors.Join(crowded().with("Connection", "close"), errCrowded) // what is left of the body is not read
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fail(http.StatusRequestTimeout, "The body did not arrive within %v.", readTimeout).with("Connection", "close")
	case r.Context().Err() != nil:
		return errClientGone
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fail(http.StatusBadRequest, "The body is cut off.")
	case coding != "":
		return fail(http.StatusBadRequest, "The body is not valid %s, which is what Content-Encoding says: %v.", coding, err)
	}
	return fail(http.StatusBadRequest, "The body can't be read: %v.", err)
}
