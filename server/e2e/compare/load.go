//go:build compare

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// serverID is the server that both pages show, and that all events are about: so both streams carry the same, and each event
// of them is to be shown.
const serverID = "web-1"

// batches is how many publishing requests go out in a second.
const batches = 100

// cycle is how many events make a round: a sample of CPU, memory, network and storage each, and the rest lines.
const cycle = 10

// story is what the server has to tell before the load begins.
const story = `[
	{"type":"server:online","data":{"version":"2.7.1","url":"http://10.0.4.11:8080","uptime":86400}},
	{"type":"deployment:started","data":{"id":"d-1","version":"2.7.0","region":"eu-1"}},
	{"type":"deployment:completed","data":{"id":"d-1","version":"2.7.0","durationMs":41000}},
	{"type":"deployment:started","data":{"id":"d-2","version":"2.7.1","region":"eu-1"}},
	{"type":"deployment:building","data":{"id":"d-2","version":"2.7.1","progress":60,"stage":"compile"}}]`

// load publishes at a rate, over HTTP as anybody does, and on a schedule: event number n is due with its batch, at a time that
// the page can work out from the number, and is late when it goes out late.
type load struct {
	url     string
	rate    int
	began   time.Time
	count   int           // events accepted
	behind  time.Duration // the furthest that publishing was behind its schedule
	client  http.Client
	message []byte
}

func (l *load) post(ctx context.Context, body []byte, media string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+"/api/servers/"+serverID+"/events", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", media)
	answer, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("publishing: %s: %.200s", answer.Status, text)
	}
	return err
}

// run publishes until ctx ends.
func (l *load) run(ctx context.Context) error {
	each := l.rate / batches
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 0; ; i++ {
		due := l.began.Add(time.Duration(i) * time.Second / batches)
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		l.behind = max(l.behind, time.Since(due))
		l.message = l.message[:0]
		for n := i * each; n < (i+1)*each; n++ {
			l.message = appendEvent(l.message, n)
		}
		if err := l.post(context.WithoutCancel(ctx), l.message, "application/x-ndjson"); err != nil {
			return err
		}
		l.count = (i + 1) * each
	}
}

// appendEvent appends event number n. A line has its number in its message; a sample of CPU has the last three digits of the
// number of its round, which is as much as a page shows of a percentage.
func appendEvent(b []byte, n int) []byte {
	num := func(v float64) { b = strconv.AppendFloat(b, v, 'f', -1, 64) }
	round := n / cycle
	switch n % cycle {
	case 0:
		b = append(b, `{"type":"metrics:cpu","data":{"usage":`...)
		num(float64(round%1000) / 10)
		b = append(b, `,"cores":8,"processes":212}}`...)
	case 1:
		b = append(b, `{"type":"metrics:memory","data":{"used":`...)
		num(float64(3<<30 + round%997<<20))
		b = append(b, `,"available":5368709120,"swapUsed":0}}`...)
	case 2:
		b = append(b, `{"type":"metrics:network","data":{"bytesIn":`...)
		num(float64(1_200_000 + round%991*1000))
		b = append(b, `,"bytesOut":`...)
		num(float64(400_000 + round%983*500))
		b = append(b, `,"connections":64}}`...)
	case 3:
		b = append(b, `{"type":"metrics:storage","data":{"used":`...)
		num(float64(40<<30 + round%977<<20))
		b = append(b, `,"available":64424509440}}`...)
	default:
		b = append(b, `{"type":"logs:app","data":{"level":"info","message":"GET /v1/items/`...)
		b = strconv.AppendInt(b, int64(n%7919), 10)
		b = append(b, ` answered 200 in 12 ms #`...)
		b = strconv.AppendInt(b, int64(n), 10)
		b = append(b, `"}}`...)
	}
	return append(b, '\n')
}
