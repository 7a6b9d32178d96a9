package flood

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/mcp-cloud/telltale/server/admin"
	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal/bolt"
	"github.com/mcp-cloud/telltale/server/web"
)

// TestMain also is the process that Start starts: the test binary, run again as the program's `serve` or as a baseline.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && (os.Args[1] == "serve" || os.Args[1] == "flood-baseline") {
		if err := child(os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func child(command string, args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	url := "http://" + ln.Addr().String()
	if command == "serve" {
		return serveLike(ctx, url, ln, args)
	}
	if name := args[0]; name != Naive && name != OneWrite {
		return fmt.Errorf("no baseline %q", name)
	}
	fmt.Println(url)
	return ServeBaseline(ctx, args[0], ln)
}

// serveLike takes those flags of `serve` that matter here.
func serveLike(ctx context.Context, url string, ln net.Listener, args []string) error {
	dir := ""
	for _, arg := range args {
		if v, ok := strings.CutPrefix(arg, "--data="); ok {
			dir = v
		}
	}
	private, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	collecting, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- admin.New(admin.Sources{}, nil).Serve(collecting, private) }()
	err = serveHere(ctx, ln, dir, func() { fmt.Printf("%s\nadmin http://%s\n", url, private.Addr()) })
	stop()
	return errors.Join(err, <-done)
}

// serveHere serves as the program does, with the record in dir, until ctx ends.
func serveHere(ctx context.Context, ln net.Listener, dir string, ready func()) error {
	log, err := bolt.Open(dir, bolt.Options{})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	h := hub.New(log, hub.Options{})
	files := fstest.MapFS{}
	for _, name := range []string{"app.wasm", "app.wasm.br", "app.wasm.gz", "telltale.css", "boot.js", "icon-192.png", "icon.svg", "worker.js"} {
		files[name] = &fstest.MapFile{Data: []byte(name)}
	}
	site, err := web.New(web.Config{Log: log, Hub: h, Files: files, Heartbeat: time.Second})
	if err != nil {
		return errors.Join(err, ln.Close(), log.Close())
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	done := make(chan error, 1)
	go func() { done <- h.Run(running) }()
	<-h.Ready()
	ready()
	err = site.Serve(ctx, ln)
	stop()
	if ended := <-done; !errors.Is(ended, context.Canceled) {
		err = errors.Join(err, ended)
	}
	return errors.Join(err, log.Close())
}
