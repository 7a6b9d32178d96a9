package redis

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// At implements journal.Log, in one run of a script. A Redis that was emptied never recorded anything.
func (l *Log) At(ctx context.Context, t time.Time) (event.ID, error) {
	var place event.ID
	err := l.ask(ctx, func(ctx context.Context) error {
		answer, err := atScript.Run(ctx, l.readers, l.keys, t.UnixMilli()).Result()
		if err != nil {
			return err
		}
		got := texts(answer)
		if len(got) != 2 {
			return errAnswer
		}
		epoch, err := number(got[0])
		if err != nil {
			return err
		}
		if epoch > math.MaxUint32 {
			return fmt.Errorf("%w: epoch %d", errAnswer, epoch)
		}
		place.Epoch = uint32(epoch)
		place.Seq, err = number(got[1])
		return err
	})
	if err != nil {
		return event.ID{}, fmt.Errorf("journal: at: %w", err)
	}
	return place, nil
}
