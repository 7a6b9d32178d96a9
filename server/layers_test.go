package main_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/mcp-cloud/telltale"

// floors is the house from the roof down. A package imports only from floors below its own: arrows point down, and never
// sideways. A new package needs a floor, which is a decision, so it has to be written here.
var floors = [][]string{
	{"server", "server/e2e"},
	{"server/admin"},
	{"server/web", "server/host", "server/flood", "server/fault", "server/journal/bolt", "server/journal/redis", "server/journal/journaltest"},
	{"server/stream", "server/cluster"},
	{"server/hub", "server/history", "server/pace", "server/auth", "server/redact", "server/limit"},
	{"server/journal", "shared/feed/httpsource"}, // httpsource is for the CLI: the browser has fetch
	{"wasm"},
	{"wasm/ui"},
	{"wasm/live"},
	{"wasm/model", "wasm/browser"},
	{"shared/feed"},
	{"shared/event"},
	{"shared/sse", "server/stat", "server/journal/redis/redistest", "server/e2e/hostile"},
	{"public"},
}

// never lists what a package may not even reach through others, and why.
var never = []struct{ from, to, why string }{
	{"shared/", "other modules", "both ends compile it: the standard library is all it may need"},
	{"server/stream", "gorilla", "web knows URLs, stream knows sockets"},
	{"server/stream", "prometheus", "admin gives counts their names"},
	{"server/hub", "prometheus", "admin gives counts their names"},
	{"server/journal", "prometheus", "admin gives counts their names"},
	{"server/hub", "net/http", "fan-out knows bytes and cursors, web knows HTTP"},
	{"server/history", "net/http", "history counts, web answers"},
	{"server/limit", "net/http", "limits count, web answers"},
	{"server/journal", "net/http", "the record knows no transport"},
	{"wasm/model", "go-app", "the Model is pure, so that it is tested without a browser"},
	{"wasm/model", "net/http", "the Model is pure, so that it is tested without a browser"},
	{"wasm/", "go-redis", "the browser has no business with the record's engine"},
	{"wasm/", "bbolt", "the browser has no business with the record's engine"},
	{"wasm/", "prometheus", "its weight would be downloaded by every browser"},
	{"wasm/", "gopsutil", "its weight would be downloaded by every browser"},
}

// A pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string // by the package itself
	Deps       []string // by those it imports too
}

// goList returns the packages named, those they depend on included, as they are built for the platform of env.
func goList(t *testing.T, env []string, patterns ...string) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-deps", "-json=ImportPath,Standard,Imports,Deps"}, patterns...)...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", patterns, err, &stderr)
	}
	all := make(map[string]pkg)
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list %v: %v", patterns, err)
		}
		all[p.ImportPath] = p
	}
}

// local returns the path within this module, and whether the package is of this module at all.
func local(path string) (string, bool) { return strings.CutPrefix(path, module+"/") }

var graphs = []struct {
	name     string
	env      []string
	patterns []string
}{
	{"server", nil, []string{"./..."}},
	{"browser", []string{"GOOS=js", "GOARCH=wasm"}, []string{"./wasm/...", "./shared/..."}},
}

func TestArrowsPointDown(t *testing.T) {
	floor := make(map[string]int)
	for i, names := range floors {
		for _, name := range names {
			floor[name] = i
		}
	}
	for _, g := range graphs {
		t.Run(g.name, func(t *testing.T) {
			for path, p := range goList(t, g.env, g.patterns...) {
				from, ours := local(path)
				if !ours {
					continue
				}
				if _, ok := floor[from]; !ok {
					t.Errorf("%s has no floor: write it where it belongs in floors, in server/layers_test.go", from)
					continue
				}
				for _, imp := range p.Imports {
					to, ours := local(imp)
					if i, ok := floor[to]; ours && ok && i <= floor[from] {
						t.Errorf("%s imports %s: an arrow must point down", from, to)
					}
				}
			}
		})
	}
}

func TestNeverReached(t *testing.T) {
	for _, g := range graphs {
		t.Run(g.name, func(t *testing.T) {
			all := goList(t, g.env, g.patterns...)
			for _, rule := range never {
				for path, p := range all {
					from, ours := local(path)
					if !ours || !(from == rule.from || strings.HasPrefix(from, strings.TrimSuffix(rule.from, "/")+"/")) {
						continue
					}
					for _, dep := range p.Deps {
						if reaches(rule.to, dep, all[dep].Standard) {
							t.Errorf("%s reaches %s: %s", from, dep, rule.why)
						}
					}
				}
			}
		})
	}
}

// reaches reports whether dep is what a rule of never speaks of: a package by its whole path, a module by one part of it.
func reaches(to, dep string, standard bool) bool {
	if _, ours := local(dep); to == "other modules" {
		return !ours && !standard
	}
	return dep == to || !standard && slices.Contains(strings.Split(dep, "/"), to)
}

// net/http weighs 5 MB in the browser's file and its client is slower there than fetch; go-app brings it along, but no
// code of ours that the browser links may use it.
func TestBrowserHasNoHTTPOfItsOwn(t *testing.T) {
	all := goList(t, []string{"GOOS=js", "GOARCH=wasm"}, "./wasm")
	if _, ok := all[module+"/wasm"]; !ok {
		t.Fatal("go list ./wasm did not list ./wasm")
	}
	for path, p := range all {
		from, ours := local(path)
		if !ours {
			continue
		}
		for _, imp := range p.Imports {
			if imp == "net/http" || strings.HasPrefix(imp, "net/http/") {
				t.Errorf("%s imports %s, and the browser links it", from, imp)
			}
		}
	}
}

// One thin line between Go and JavaScript: whatever compiles on the host is tested on the host.
func TestSyscallJSOnlyInJSFiles(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != ".." && strings.HasPrefix(name, ".") || name == "data" || name == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		seen++
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		js := slices.ContainsFunc(f.Imports, func(s *ast.ImportSpec) bool { return s.Path.Value == strconv.Quote("syscall/js") })
		if js && !strings.HasSuffix(path, "_js.go") && !strings.HasSuffix(path, "_js_test.go") {
			t.Errorf("%s imports syscall/js: only files ending _js.go or _js_test.go may", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Error("found no Go files at all")
	}
}
