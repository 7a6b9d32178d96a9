// Command precompress puts a freshly built file in its place together with its .br and .gz twins, which the server hands
// out as they are. It runs at build time because brotli at its best takes half a minute for this app.
//
//	precompress built/app.wasm public/app.wasm
//
// Nothing is done when the file in place has the same content already. The twins are written first and the file itself
// last, each by rename, so a file in place always means whole twins beside it.
package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/andybalholm/brotli"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: precompress BUILT PLACE")
		os.Exit(2)
	}
	if err := place(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "precompress:", err)
		os.Exit(1)
	}
}

func place(built, dst string) error {
	raw, err := os.ReadFile(built)
	if err != nil {
		return err
	}
	if upToDate(raw, dst) {
		return nil
	}
	fmt.Printf("%s has changed: compressing it, about half a minute\n", dst)
	gz, err := twin(dst+".gz", raw, func(w io.Writer) (io.WriteCloser, error) {
		return gzip.NewWriterLevel(w, gzip.BestCompression)
	})
	if err != nil {
		return err
	}
	br, err := twin(dst+".br", raw, func(w io.Writer) (io.WriteCloser, error) {
		// 24 bits of window is the most that browsers must understand.
		return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: brotli.BestCompression, LGWin: 24}), nil
	})
	if err != nil {
		return err
	}
	if err := replace(dst, raw); err != nil {
		return err
	}
	fmt.Printf("%s: %.2f MB, in gzip %.2f MB, in brotli %.2f MB\n", dst, mb(len(raw)), mb(gz), mb(br))
	return nil
}

func upToDate(raw []byte, dst string) bool {
	old, err := os.ReadFile(dst)
	if err != nil || !bytes.Equal(old, raw) {
		return false
	}
	for _, ext := range []string{".br", ".gz"} {
		if _, err := os.Stat(dst + ext); err != nil {
			return false
		}
	}
	return true
}

// twin writes raw to path in the encoding that open begins, and returns how many bytes that took.
func twin(path string, raw []byte, open func(io.Writer) (io.WriteCloser, error)) (int, error) {
	var out bytes.Buffer
	w, err := open(&out)
	if err != nil {
		return 0, err
	}
	_, err = w.Write(raw)
	if err := errors.Join(err, w.Close()); err != nil {
		return 0, err
	}
	return out.Len(), replace(path, out.Bytes())
}

// replace gives path the content b in one step: a reader sees the old file or the new one, never a part of either. The
// temporary name begins with a dot, which go:embed leaves out.
func replace(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".precompress-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func mb(n int) float64 { return float64(n) / 1e6 }
