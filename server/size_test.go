package main_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"testing"

	"github.com/andybalholm/brotli"
)

// maxApp is what a browser may have to download before the app runs, in its best encoding. On a phone's Fast 4G, a
// megabyte is about a second.
const maxApp = 1_800_000

// These read what `make build` has put into public/, which is what the server hands out.

func TestAppIsSmall(t *testing.T) {
	if n := len(product(t, "app.wasm.br")); n > maxApp {
		t.Errorf("public/app.wasm.br is %d bytes, more than the %d a browser should have to download", n, maxApp)
	}
}

func TestTwinsAreTheApp(t *testing.T) {
	raw := product(t, "app.wasm")
	if !bytes.HasPrefix(raw, []byte("\x00asm")) {
		t.Error("public/app.wasm is not WebAssembly")
	}
	for _, twin := range []struct {
		name string
		open func(io.Reader) (io.Reader, error)
	}{
		{"app.wasm.br", func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil }},
		{"app.wasm.gz", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	} {
		t.Run(twin.name, func(t *testing.T) {
			r, err := twin.open(bytes.NewReader(product(t, twin.name)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, raw) {
				t.Errorf("unfolds to %d bytes that are not the %d of app.wasm", len(got), len(raw))
			}
		})
	}
}

func product(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../public/" + name)
	if err != nil {
		t.Fatalf("%v: `make build` makes it, and `make test` does that first", err)
	}
	return b
}
