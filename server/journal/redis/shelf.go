package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/shared/event"
)

var _ journal.Shelf = (*Log)(nil)

// maxDrop bounds the drawers that are taken away at once.
const maxDrop = 100

// drawerKey is the hash of a drawer.
func (l *Log) drawerKey(drawer string) string { return l.prefix + "shelf:" + drawer }

// Mark implements journal.Shelf.
func (l *Log) Mark(ctx context.Context) (mark event.ID, err error) {
	err = l.ask(ctx, func(ctx context.Context) error {
		got, err := l.readers.HMGet(ctx, l.keys[keyMeta], "epoch", "mark").Result()
		if err != nil {
			return err
		}
		mark = event.ID{}
		epoch, _ := got[0].(string)
		text, _ := got[1].(string)
		if of, seq, ok := strings.Cut(text, " "); ok && of == epoch {
			e, err := strconv.ParseUint(of, 10, 32)
			n, err2 := strconv.ParseUint(seq, 10, 64)
			if err != nil || err2 != nil {
				return errAnswer
			}
			mark = event.ID{Epoch: uint32(e), Seq: n}
		}
		return nil
	})
	if err != nil {
		return event.ID{}, fmt.Errorf("journal: mark: %w", err)
	}
	return mark, nil
}

// PutBlocks implements journal.Shelf. An answer that is lost on the way makes it an ErrBehind, if it was the last; then Mark tells. It does not
// wait for replicas: one that lags has an older shelf along with an older mark.
func (l *Log) PutBlocks(ctx context.Context, made event.ID, last bool, blocks []journal.Block) error {
	if err := journal.CheckBlocks(blocks); err != nil {
		return fmt.Errorf("journal: blocks: %w", err)
	}
	numbers := make(map[string]int)
	var drawers []string
	for i := range blocks {
		if d := blocks[i].Drawer; numbers[d] == 0 {
			drawers = append(drawers, d)
			numbers[d] = len(drawers)
		}
	}
	keys := slices.Clone(l.keys)
	mark := "0"
	if last {
		mark = "1"
	}
	args := make([]any, 0, 4+len(drawers)+3*len(blocks))
	args = append(args, strconv.FormatUint(uint64(made.Epoch), 10), strconv.FormatUint(made.Seq, 10), mark, len(drawers))
	for _, d := range drawers {
		keys = append(keys, l.drawerKey(d))
		args = append(args, d)
	}
	for i := range blocks {
		b := &blocks[i]
		value := "-"
		if b.Value != nil {
			value = "+" + string(b.Value)
		}
		args = append(args, numbers[b.Drawer], b.Name, value)
	}
	put := 0
	err := l.ask(ctx, func(ctx context.Context) (err error) {
		put, err = shelfScript.Run(ctx, l.client, keys, args...).Int()
		return err
	})
	if err == nil && put == 0 {
		err = journal.ErrBehind
	}
	if err != nil {
		return fmt.Errorf("journal: blocks: %w", err)
	}
	return nil
}

// GetBlocks implements journal.Shelf. They need not be of one moment.
func (l *Log) GetBlocks(ctx context.Context, keys []journal.BlockKey) ([][]byte, error) {
	var out [][]byte
	err := l.ask(ctx, func(ctx context.Context) error {
		out = make([][]byte, len(keys))
		got, err := l.readers.Pipelined(ctx, func(p goredis.Pipeliner) error {
			for _, k := range keys {
				p.HGet(ctx, l.drawerKey(k.Drawer), k.Name)
			}
			return nil
		})
		if err != nil && !errors.Is(err, goredis.Nil) {
			return err
		}
		for i, c := range got {
			value, err := c.(*goredis.StringCmd).Bytes()
			if err == nil {
				out[i] = value
			} else if !errors.Is(err, goredis.Nil) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("journal: blocks: %w", err)
	}
	return out, nil
}

// Drawer implements journal.Shelf.
func (l *Log) Drawer(ctx context.Context, drawer string) (map[string][]byte, error) {
	var out map[string][]byte
	err := l.ask(ctx, func(ctx context.Context) error {
		got, err := l.readers.HGetAll(ctx, l.drawerKey(drawer)).Result()
		out = make(map[string][]byte, len(got))
		for name, value := range got {
			out[name] = []byte(value)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("journal: drawer: %w", err)
	}
	return out, nil
}

// DropDrawers implements journal.Shelf.
func (l *Log) DropDrawers(ctx context.Context, from, before string) error {
	for more := true; more; {
		err := l.ask(ctx, func(ctx context.Context) error {
			names, err := l.client.ZRangeByLex(ctx, l.keys[keyDrawers], &goredis.ZRangeBy{Min: "[" + from, Max: "(" + before, Count: maxDrop}).Result()
			if more = len(names) == maxDrop; err != nil || len(names) == 0 {
				return err
			}
			_, err = l.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
				for _, name := range names {
					p.Unlink(ctx, l.drawerKey(name))
					p.ZRem(ctx, l.keys[keyDrawers], name)
				}
				return nil
			})
			return err
		})
		if err != nil {
			return fmt.Errorf("journal: drawers: %w", err)
		}
	}
	return nil
}
