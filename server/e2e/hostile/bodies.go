package hostile

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// bomb is a body that is a thousand times as large as it looks: one long text in an event.
func bomb(coding string) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w, _ = gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one there is
	default:
		w, _ = zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20))
	}
	_, _ = io.WriteString(w, `{"type":"x:y","data":{"a":"`)
	chunk := bytes.Repeat([]byte{'b'}, 1<<20)
	for range 32 { // MiB, twice what may be unfolded
		_, _ = w.Write(chunk)
	}
	_, _ = io.WriteString(w, `"}}`)
	_ = w.Close()
	return b.Bytes()
}

var made = map[string]func() []byte{
	"gzip": sync.OnceValue(func() []byte { return bomb("gzip") }),
	"zstd": sync.OnceValue(func() []byte { return bomb("zstd") }),
}

func bombs(coding string, n int) func(context.Context, string, func()) error {
	return func(ctx context.Context, addr string, ready func()) error {
		body := made[coding]()
		head := post("Content-Encoding: "+coding, "Content-Length: "+strconv.Itoa(len(body)), "Connection: close")
		return repeat(n, 1, func(_ context.Context, c net.Conn) {
			_, _ = io.WriteString(c, head)
			_, _ = c.Write(body)
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
			_, _ = io.Copy(io.Discard, c)
		})(ctx, addr, ready)
	}
}

// windows are bodies of zstd that ask for all the memory one may ask for, and then come no further.
func windows(n int) func(context.Context, string, func()) error {
	return func(ctx context.Context, addr string, ready func()) error {
		start := made["zstd"]()[:200]
		return crowd(ctx, addr, n, ready, func(ctx context.Context, c net.Conn, ready func()) {
			_, _ = io.WriteString(c, post("Content-Encoding: zstd", "Content-Length: 3000000"))
			_, _ = c.Write(start)
			ready()
			<-ctx.Done()
		})
	}
}

// endless are chunked bodies without an end, in small chunks with long extensions as well as in large ones.
func endless(n int) func(context.Context, string, func()) error {
	large := []byte("10000\r\n" + strings.Repeat(" ", 0x10000) + "\r\n")
	small := []byte(strings.Repeat("1;x="+strings.Repeat("y", 200)+"\r\n \r\n", 50))
	return func(ctx context.Context, addr string, ready func()) error {
		return repeat(n, 2, func(ctx context.Context, c net.Conn) {
			_, _ = io.WriteString(c, post("Transfer-Encoding: chunked"))
			chunks := large
			if time.Now().UnixNano()%2 == 0 {
				chunks = small
			}
			for range 1000 { // far more than is taken: the server ends it
				if _, err := c.Write(chunks); err != nil {
					return
				}
			}
		})(ctx, addr, ready)
	}
}

func deep(n int) func(context.Context, string, func()) error {
	var bodies []string
	for _, nest := range []string{"[", `{"a":`} {
		bodies = append(bodies, strings.Repeat(nest, 100_000), `{"type":"x:y","data":{"a":`+strings.Repeat(nest, 100_000))
	}
	return func(ctx context.Context, addr string, ready func()) error {
		return repeat(n, 1, func(_ context.Context, c net.Conn) {
			r := bufio.NewReader(c)
			for _, body := range bodies {
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				if _, err := fmt.Fprintf(c, "%s%s", post("Content-Length: "+strconv.Itoa(len(body))), body); err != nil {
					return
				}
				if _, err := r.Peek(1); err != nil {
					return
				}
				_, _ = r.Discard(r.Buffered())
			}
		})(ctx, addr, ready)
	}
}
