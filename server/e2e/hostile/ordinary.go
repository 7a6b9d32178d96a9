package hostile

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Ordinary are clients as there should be: readers of everything about one server, and one who publishes to it. What happens to them
// is what an attack is judged by.
type Ordinary struct {
	url     string
	client  *http.Client
	cancel  context.CancelFunc
	readers sync.WaitGroup
	sent    int

	mu    sync.Mutex // guards what follows
	seen  []int      // by reader: how many events came
	wrong []string
	news  chan struct{} // closed, and made anew, when something came
}

// Follow opens n streams of the server at url and returns when they are live. They last until ctx ends or End is called.
func Follow(ctx context.Context, url string, n int) (*Ordinary, error) {
	ctx, cancel := context.WithCancel(ctx)
	o := &Ordinary{url: url, client: &http.Client{Transport: &http.Transport{}}, cancel: cancel, seen: make([]int, n), news: make(chan struct{})}
	for i := range n {
		req, err := http.NewRequestWithContext(ctx, "GET", url+"/api/servers/good/events?types=test:*", nil)
		if err != nil {
			o.End()
			return nil, err
		}
		res, err := o.client.Do(req)
		if err != nil {
			o.End()
			return nil, err
		}
		lines := bufio.NewScanner(res.Body)
		for lines.Scan() && lines.Text() != "event: stream:heartbeat" { // until it is live
		}
		o.readers.Go(func() {
			defer res.Body.Close()
			for lines.Scan() {
				o.take(i, lines.Bytes())
			}
		})
	}
	return o, nil
}

// take counts a line of reader i when it is the data of an event, which has to be the next.
func (o *Ordinary) take(i int, line []byte) {
	data, ok := bytes.CutPrefix(line, []byte("data: "))
	_, rest, of := bytes.Cut(data, []byte(`"n":`))
	if !ok || !of {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen[i]++
	if want := fmt.Sprintf("%d}", o.seen[i]); string(rest) != want {
		o.wrong = append(o.wrong, fmt.Sprintf("reader %d: got %s, want %s", i, rest, want))
	}
	close(o.news)
	o.news = make(chan struct{})
}

// Publish publishes n events, one after the other. Each has to be accepted; one that is told to come again does.
func (o *Ordinary) Publish(ctx context.Context, n int) error {
	for range n {
		o.sent++
		body := fmt.Sprintf(`{"type":"test:tick","data":{"n":%d}}`, o.sent)
		req, err := http.NewRequestWithContext(ctx, "POST", o.url+"/api/servers/good/events", strings.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := o.client.Do(req)
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusAccepted {
			return fmt.Errorf("event %d: %s %v: %s", o.sent, res.Status, err, answer)
		}
	}
	return nil
}

// Check waits until everything that was published has come to every reader, and returns what is missing or out of its turn.
func (o *Ordinary) Check(patience time.Duration) error {
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for {
		o.mu.Lock()
		news, missing := o.news, false
		for _, n := range o.seen {
			missing = missing || n < o.sent
		}
		seen, wrong := fmt.Sprint(o.seen), o.wrong
		o.mu.Unlock()
		if len(wrong) > 0 {
			return fmt.Errorf("out of order, lost or twice: %v", wrong)
		}
		if !missing {
			return nil
		}
		select {
		case <-news:
		case <-enough.C:
			return fmt.Errorf("of %d events came %s", o.sent, seen)
		}
	}
}

// End closes the streams and returns when they are.
func (o *Ordinary) End() {
	o.cancel()
	o.readers.Wait()
	o.client.CloseIdleConnections()
}
