package redis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// trimEvery is how often an instance looks at ages. All do, for the first one that comes leaves nothing for the others and a look
// costs next to nothing; with three, ages are looked at three times as often.
const trimEvery = 20 * time.Second

// maxTrim bounds the events one run of the script takes out, for publishers wait meanwhile: about a millisecond.
const maxTrim = 1000

// knownStates are the states that the catalogue has, which a script can't ask.
var knownStates = func() (out []any) {
	for _, t := range event.Catalogue() {
		if t.Class == event.State {
			out = append(out, t.Name)
		}
	}
	return out
}()

// Trim applies the retention now instead of within half a minute, and returns when nothing is left to trim.
func (l *Log) Trim(ctx context.Context) error {
	for {
		more := false
		err := l.ask(ctx, func(ctx context.Context) (err error) {
			more, err = l.trimSome(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("journal: trim: %w", err)
		}
		if !more {
			return nil
		}
	}
}

func (l *Log) trimSome(ctx context.Context) (more bool, err error) {
	args := []any{l.now().UnixMilli(), l.retention.DedupWindow.Milliseconds(), maxTrim}
	for _, class := range event.Classes {
		limit := l.retention.For(class)
		args = append(args, limit.Age.Milliseconds(), limit.Bytes)
	}
	args = append(append(args, event.MaxUnknown), knownStates...)
	answer, err := trimScript.Run(ctx, l.client, l.keys, args...).Result()
	if err != nil {
		return false, err
	}
	got := texts(answer)
	if len(got) != 1+len(event.Classes) {
		return false, errAnswer
	}
	newest := uint64(0)
	for _, s := range got[1:] {
		n, err := number(s)
		if err != nil {
			return false, err
		}
		newest = max(newest, n)
	}
	_, to := l.ring.at()
	l.ring.forget(min(newest, to))
	return got[0] != "0", nil
}

// limits returns the most bytes of each class.
func (l *Log) limits() (out [len(event.Classes)]int64) {
	for i, class := range event.Classes {
		out[i] = l.retention.For(class).Bytes
	}
	return out
}

// wantTrim says that some class holds more than it may.
func (l *Log) wantTrim() {
	select {
	case l.over <- struct{}{}:
	default:
	}
}

// keepTrimmed trims now and then until Close.
func (l *Log) keepTrimmed() {
	said := ""                               // of the last error
	next := time.NewTimer(rand.N(trimEvery)) // so that instances take turns
	defer next.Stop()
	for {
		select {
		case <-next.C:
		case <-l.over:
		case <-l.closing:
			return
		}
		err := l.Trim(context.Background())
		said = l.complain(err, said, "The record could not be trimmed, it will be tried again.")
		if err != nil {
			l.pause(context.Background(), time.Second) // and not at once with the next wish
		}
		next.Reset(trimEvery)
	}
}
