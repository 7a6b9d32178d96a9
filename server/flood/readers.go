package flood

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// readers is the transport of everything else: a goroutine for each stream, through net/http.
type readers struct {
	s      *session
	client http.Client
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup
}

func newReaders(s *session) *readers {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!s.o.HTTP2)
	protocols.SetUnencryptedHTTP2(s.o.HTTP2)
	var dialer net.Dialer
	r := &readers{s: s, client: http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, "tcp", s.addr.String()) // the address that was looked at, whatever its name is now
			},
			Protocols: protocols, DisableCompression: true, MaxIdleConns: -1, ReadBufferSize: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

func (r *readers) stop() {
	r.cancel()
	r.all.Wait()
	r.client.CloseIdleConnections()
}

func (r *readers) dial(ctx context.Context, f *follower) error {
	f.lane.mu.Lock()
	f.begin()
	header := streamHeader(f, r.s.o.Gzip)
	f.lane.mu.Unlock()
	life, cancel := context.WithCancel(r.ctx)
	if f.kind == passing {
		life, cancel = context.WithTimeout(r.ctx, rand.N(passingFor))
	}
	giveUp := context.AfterFunc(ctx, cancel)
	req, err := http.NewRequestWithContext(life, http.MethodGet, "http://"+r.s.url.Host+streamPath(r.s.url, f.topic), nil)
	if err != nil {
		cancel()
		return err
	}
	req.Header = header
	answer, err := r.client.Do(req)
	giveUp()
	if err != nil {
		cancel()
		if f.kind == passing {
			r.s.passed.Add(1)
			return nil
		}
		return err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		cancel()
		r.s.turnedAway(f, answer.StatusCode)
		return nil
	}
	r.all.Go(func() {
		defer cancel()
		defer answer.Body.Close()
		r.read(life, f, answer)
	})
	return nil
}

// read reads one stream to its end.
func (r *readers) read(ctx context.Context, f *follower, answer *http.Response) {
	l := f.lane
	l.mu.Lock()
	r.s.accepted(f)
	l.mu.Unlock()
	counted := &counter{r: answer.Body}
	src := io.Reader(counted)
	var err error
	if answer.Header.Get("Content-Encoding") == "gzip" {
		src, err = gzip.NewReader(counted)
	}
	buf := make([]byte, 16<<10)
	if f.kind == slow {
		buf = buf[:max(1, min(len(buf), r.s.o.SlowRate/10))]
	}
	for err == nil {
		var n int
		n, err = src.Read(buf)
		now := r.s.now()
		l.mu.Lock()
		l.tally.Bytes += counted.take()
		if n > 0 {
			if perr := f.push(buf[:n], now); perr != nil {
				l.tally.Broken++
				err = perr
			}
		}
		quiet := r.s.quiet(f)
		l.settle()
		l.mu.Unlock()
		if quiet {
			r.rest(ctx, f)
		}
	}
	l.mu.Lock()
	if ctx.Err() == nil && (errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader)) {
		l.tally.Broken++
	}
	r.s.ended(f)
	l.mu.Unlock()
}

// rest keeps a slow reader from reading for a tenth of a second, and a stalled one until it is to wake.
func (r *readers) rest(ctx context.Context, f *follower) {
	var wake <-chan time.Time
	if f.kind == slow {
		t := time.NewTimer(time.Second / 10)
		defer t.Stop()
		wake = t.C
	}
	select {
	case <-ctx.Done():
	case <-r.s.awake:
	case <-wake:
	}
}

// counter counts what is read through it.
type counter struct {
	r io.Reader
	n uint64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += uint64(n)
	return n, err
}

func (c *counter) take() uint64 {
	n := c.n
	c.n = 0
	return n
}
