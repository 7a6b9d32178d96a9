package flood

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// The baselines are what one would write, to be measured in the same run. They record nothing, resume nothing and send no
// heartbeats: they do less than Telltale, and what they do is the shape that most servers of this kind have.
//
//   - "naive": a goroutine and a channel for each subscriber, which encodes each event and flushes it over net/http.
//   - "write": an event is encoded once, and a worker for each processor writes it to its sockets, one write(2) for each.
const (
	Naive    = "naive"
	OneWrite = "write"
)

// draft is what is published, and what a naive hub hands on.
type draft struct {
	Type     string          `json:"type"`
	ServerID string          `json:"serverId"`
	Data     json.RawMessage `json:"data"`
}

// fanOut is what the baselines differ in.
type fanOut interface {
	// publish hands an event to the subscribers of its topic, and may wait for them.
	publish(id uint64, d draft)
	// subscribe serves one subscriber until ctx ends or it is gone.
	subscribe(ctx context.Context, w http.ResponseWriter, topic string)
	// run runs until ctx ends.
	run(ctx context.Context)
}

// ServeBaseline serves a baseline on ln until ctx ends: GET /api/servers/{id}/events, POST /api/events as NDJSON, and
// POST /gc. It closes ln.
func ServeBaseline(ctx context.Context, name string, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var f fanOut
	switch name {
	case Naive:
		f = &naiveHub{topics: make(map[string]map[*naiveSub]bool)}
	case OneWrite:
		f = newWriteHub(ctx, runtime.GOMAXPROCS(0))
	default:
		return fmt.Errorf("flood: no baseline %q: want %s or %s", name, Naive, OneWrite)
	}
	var mu sync.Mutex // guards id, and keeps events in order
	var id uint64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/servers/{id}/events", func(w http.ResponseWriter, r *http.Request) {
		stop, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		f.subscribe(stop, w, r.PathValue("id"))
	})
	mux.HandleFunc("POST /api/events", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		for dec := json.NewDecoder(r.Body); ; {
			var d draft
			if err := dec.Decode(&d); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			id++
			f.publish(id, d)
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, `{"events":[{"id":"1.%d"}]}`, id)
	})
	mux.HandleFunc("POST /gc", func(http.ResponseWriter, *http.Request) { debug.FreeOSMemory() })

	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, Protocols: new(http.Protocols)}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	var parts sync.WaitGroup
	parts.Go(func() { f.run(ctx) })
	parts.Go(func() {
		<-ctx.Done()
		_ = srv.Close()
	})
	err := srv.Serve(ln)
	asked := ctx.Err() != nil
	cancel()
	parts.Wait()
	if !asked {
		return fmt.Errorf("flood: baseline: %w", err)
	}
	return nil
}

// naiveHub is a hub as tutorials have it.
type naiveHub struct {
	mu     sync.RWMutex // guards topics
	topics map[string]map[*naiveSub]bool
}

type naiveSub struct {
	ch   chan naiveEvent
	done <-chan struct{}
}

type naiveEvent struct {
	ID        uint64          `json:"id"`
	Timestamp time.Time       `json:"timestamp"`
	Type      string          `json:"-"`
	ServerID  string          `json:"serverId"`
	Data      json.RawMessage `json:"data"`
}

func (h *naiveHub) run(context.Context) {}

func (h *naiveHub) publish(id uint64, d draft) {
	e := naiveEvent{ID: id, Timestamp: time.Now().UTC(), Type: d.Type, ServerID: d.ServerID, Data: d.Data}
	h.mu.RLock()
	defer h.mu.RUnlock()
	for s := range h.topics[d.ServerID] {
		select {
		case s.ch <- e:
		case <-s.done:
		}
	}
}

func (h *naiveHub) subscribe(ctx context.Context, w http.ResponseWriter, topic string) {
	s := &naiveSub{ch: make(chan naiveEvent, 256), done: ctx.Done()}
	h.mu.Lock()
	if h.topics[topic] == nil {
		h.topics[topic] = make(map[*naiveSub]bool)
	}
	h.topics[topic][s] = true
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.topics[topic], s)
		h.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	flusher := http.NewResponseController(w)
	if flusher.Flush() != nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-s.ch:
			data, err := json.Marshal(e)
			if err != nil {
				return
			}
			fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Type, data)
			if flusher.Flush() != nil {
				return
			}
		}
	}
}

// writeHub writes each event to each socket.
type writeHub struct {
	workers []*writeWorker
	done    <-chan struct{}
	mu      sync.Mutex // guards turn
	turn    int
}

// writeWorker writes to a share of the sockets. It waits for a socket that is full, as a write does.
type writeWorker struct {
	ch    chan writeJob
	mu    sync.Mutex // guards conns
	conns map[string]map[net.Conn]bool
}

type writeJob struct {
	topic string
	frame []byte
}

func newWriteHub(ctx context.Context, workers int) *writeHub {
	h := &writeHub{done: ctx.Done()}
	for range workers {
		h.workers = append(h.workers, &writeWorker{ch: make(chan writeJob, 256), conns: make(map[string]map[net.Conn]bool)})
	}
	return h
}

func (h *writeHub) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, w := range h.workers {
		all.Go(func() { w.run(ctx) })
	}
	all.Wait()
}

func (h *writeHub) publish(id uint64, d draft) {
	var b strings.Builder
	data, err := json.Marshal(naiveEvent{ID: id, Timestamp: time.Now().UTC(), ServerID: d.ServerID, Data: d.Data})
	if err != nil {
		return
	}
	fmt.Fprintf(&b, "id: %d\nevent: %s\ndata: %s\n\n", id, d.Type, data)
	job := writeJob{d.ServerID, []byte(b.String())}
	for _, w := range h.workers {
		select {
		case w.ch <- job:
		case <-h.done:
		}
	}
}

func (h *writeHub) subscribe(ctx context.Context, w http.ResponseWriter, topic string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	h.mu.Lock()
	worker := h.workers[h.turn%len(h.workers)]
	h.turn++
	h.mu.Unlock()
	worker.mu.Lock()
	if worker.conns[topic] == nil {
		worker.conns[topic] = make(map[net.Conn]bool)
	}
	worker.conns[topic][conn] = true
	_, err = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"))
	worker.mu.Unlock()
	if err == nil {
		defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
		_, _ = io.Copy(io.Discard, conn) // until it is gone
	}
	worker.mu.Lock()
	delete(worker.conns[topic], conn)
	worker.mu.Unlock()
}

func (w *writeWorker) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-w.ch:
			w.mu.Lock()
			for conn := range w.conns[job.topic] {
				if _, err := conn.Write(job.frame); err != nil {
					_ = conn.Close() // its reader takes it out
				}
			}
			w.mu.Unlock()
		}
	}
}
