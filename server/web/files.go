package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

const (
	// filesAt is where go-app expects files to be.
	filesAt = "/web/"
	// headerRawLength says how long a file is once it is unfolded, which a download's progress is counted by;
	// Content-Length is what goes over the wire.
	headerRawLength = "X-Raw-Length"
	wasmName        = "app.wasm"
)

// files are what the browser is served as it is, each under a name that holds its content's hash once it was resolved:
// such an address is never asked for twice.
type files struct {
	byName  map[string]*file
	version string // names the content of all of them
}

type file struct {
	media string
	hash  string
	raw   int64
	forms []form // best first; the last is the file itself
}

// form is one encoding of a file.
type form struct {
	coding string // "" for none
	open   func() (io.ReadSeeker, error)
	size   int64
}

// loadFiles reads what is in fsys: app.wasm with its twins .br and .gz, where they are built, and the rest, of which it
// compresses what gains by it. Go sources and templates are not for browsers and are left out.
func loadFiles(fsys fs.FS) (*files, error) {
	all := &files{byName: make(map[string]*file)}
	sum := sha256.New()
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("web: files: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		switch path.Ext(name) {
		case ".go", ".br", ".gz":
			continue
		}
		if e.IsDir() {
			continue
		}
		f, err := loadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("web: files: %s: %w", name, err)
		}
		fmt.Fprintln(sum, name, f.hash)
		if name != "worker.js" { // a template, served filled in as /app-worker.js
			all.byName[name] = f
		}
	}
	all.version = hex.EncodeToString(sum.Sum(nil))[:16]
	return all, nil
}

func loadFile(fsys fs.FS, name string) (*file, error) {
	src, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, src)
	if err != nil {
		return nil, err
	}
	f := &file{media: mediaOf(name), hash: hex.EncodeToString(sum.Sum(nil))[:16], raw: n}
	for _, twin := range []struct{ ext, coding string }{{".br", "br"}, {".gz", "gzip"}} {
		if info, err := fs.Stat(fsys, name+twin.ext); err == nil {
			f.forms = append(f.forms, form{twin.coding, opener(fsys, name+twin.ext), info.Size()})
		}
	}
	if len(f.forms) == 0 && compressible(f.media) {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		if gz := gzipped(b); len(gz) < len(b)*9/10 {
			f.forms = append(f.forms, form{"gzip", func() (io.ReadSeeker, error) { return bytes.NewReader(gz), nil }, int64(len(gz))})
		}
	}
	f.forms = append(f.forms, form{"", opener(fsys, name), n})
	return f, nil
}

// opener returns a function that opens a file for one answer. An embedded file is read where it lies in the program.
func opener(fsys fs.FS, name string) func() (io.ReadSeeker, error) {
	return func() (io.ReadSeeker, error) {
		f, err := fsys.Open(name)
		if err != nil {
			return nil, err
		}
		if rs, ok := f.(io.ReadSeeker); ok {
			return rs, nil
		}
		return nil, errors.Join(errors.ErrUnsupported, f.Close())
	}
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	zw, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil { // the level is a constant
		panic(err)
	}
	_, _ = zw.Write(b)
	_ = zw.Close()
	return out.Bytes()
}

// mediaOf returns a file's media type by its name, whatever the machine's own tables say.
func mediaOf(name string) string {
	switch path.Ext(name) {
	case ".wasm":
		return "application/wasm"
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".woff2":
		return "font/woff2"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

func compressible(media string) bool {
	return strings.HasPrefix(media, "text/") || media == "image/svg+xml" || media == "application/wasm"
}

// Resolve makes files an app.ResourceResolver: the address of a file of ours gets its content's hash.
func (a *files) Resolve(location string) string {
	if location == "" {
		return "/"
	}
	name, ours := strings.CutPrefix(location, filesAt)
	if f := a.byName[name]; ours && f != nil {
		return location + "?v=" + f.hash
	}
	return location
}

// serve answers with a file by name, in the best encoding the browser takes.
func (a *files) serve(w http.ResponseWriter, r *http.Request, name string) error {
	f := a.byName[name]
	if f == nil {
		if name == wasmName {
			return fail(http.StatusNotFound, "The app was not built into this program: build it with `make build`.")
		}
		return fail(http.StatusNotFound, "There is no file %.80q here.", name)
	}
	i := slices.IndexFunc(f.forms, func(v form) bool {
		return v.coding == "" || accepts(r.Header.Values("Accept-Encoding"), v.coding)
	})
	v := f.forms[i]
	content, err := v.open()
	if err != nil {
		return fmt.Errorf("web: file %s: %w", name, err)
	}
	if c, ok := content.(io.Closer); ok {
		defer c.Close()
	}
	h := w.Header()
	h.Set("Content-Type", f.media)
	h.Set("ETag", `"`+f.hash+v.coding+`"`)
	h.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == f.hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if len(f.forms) > 1 {
		h.Set("Vary", "Accept-Encoding")
	}
	if v.coding != "" {
		h.Set("Content-Encoding", v.coding)
		h.Set("Content-Length", strconv.FormatInt(v.size, 10)) // ServeContent says it of plain content only
	}
	h.Set(headerRawLength, strconv.FormatInt(f.raw, 10))
	http.ServeContent(w, r, "", time.Time{}, content)
	return nil
}

// accepts reports whether an Accept-Encoding header takes a coding.
func accepts(header []string, coding string) bool {
	any := false
	for part := range strings.SplitSeq(strings.Join(header, ","), ",") {
		name, params, _ := strings.Cut(part, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		q := 1.0
		if text, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			if f, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil {
				q = f
			}
		}
		switch name {
		case coding:
			return q > 0
		case "*":
			any = q > 0
		}
	}
	return any
}
