package live

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
)

// rewritten is a source whose bytes something on the way writes in another way.
type rewritten struct {
	*source
	as func(b []byte, first bool) []byte
}

func (s rewritten) Open(ctx context.Context, r feed.Request) (*feed.Response, error) {
	answer, err := s.source.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	pr, pw := io.Pipe()
	own := answer.Body
	go func() {
		buf := make([]byte, 64<<10)
		for first := true; ; first = false {
			n, err := own.Read(buf)
			if _, bad := pw.Write(s.as(buf[:n], first)); err == nil {
				err = bad
			}
			if err != nil {
				pw.CloseWithError(err)
				return
			}
		}
	}()
	answer.Body = pr
	return answer, nil
}

// However a stream is written, as the standard lets it be, every tab reads it. One that does not end its frames as our server does is not
// shared, and is not held back until it ends.
func TestTabsReadWhatIsWrittenInAnotherWay(t *testing.T) {
	replace := func(with string) func(b []byte, first bool) []byte {
		return func(b []byte, _ bool) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte(with)) }
	}
	for _, tt := range []struct {
		name   string
		as     func(b []byte, first bool) []byte
		shared bool
	}{
		{"a byte order mark", func(b []byte, first bool) []byte {
			if first {
				b = append([]byte("\uFEFF"), b...)
			}
			return b
		}, true},
		{"CR LF", replace("\r\n"), false},
		{"CR", replace("\r"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src, w := &source{}, &window{}
				src.publishSome(t, 3)
				a, b := w.read(t, rewritten{src, tt.as}), w.read(t, rewritten{src, tt.as})
				time.Sleep(2 * time.Second)
				src.publishSome(t, 5)
				a.has(t, 8)
				b.has(t, 8)
				if b.Joined() != tt.shared {
					t.Errorf("the second tab reads through the first: %v, want %v", b.Joined(), tt.shared)
				}
				a.close()
				src.publishSome(t, 1)
				time.Sleep(time.Second)
				b.has(t, 9)
				b.close()
			})
		})
	}
}
