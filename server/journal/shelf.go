package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Shelf is what a record keeps that was made from its events, such as the history of samples: blocks of bytes in drawers, and the
// place up to which they are made. Engines implement it as well as Log. Readers of events never see it and retention leaves it alone: who
// fills drawers also empties them.
//
// # Several who fill it
//
// Where instances share a record each may fill the shelf. They make the same blocks of the same events, so it does not matter who does: what
// must not happen is that one which has read less puts its older block over a newer one. So PutBlocks takes nothing that
// was made of less than the mark says.
type Shelf interface {
	// Mark returns the place up to which what is on the shelf was made from the events of this life of the log; zero when nothing was.
	Mark(ctx context.Context) (event.ID, error)

	// PutBlocks keeps the blocks, each in place of the one of that drawer and name; one with a nil Value takes that away. All
	// or none, and durable when it returns. The blocks are made of all events up to the place made: unless that is after the mark, and a
	// place that this life of the log has given, it is an ErrBehind and nothing is kept. With last the place becomes the mark in the same step.
	//
	// What CheckBlocks refuses is refused. It holds up who publishes while it writes, so a megabyte at a time is enough.
	PutBlocks(ctx context.Context, made event.ID, last bool, blocks []Block) error

	// GetBlocks returns the values of blocks in the order of the keys, nil for what is not there. They are the caller's.
	GetBlocks(ctx context.Context, keys []BlockKey) ([][]byte, error)

	// Drawer returns all blocks of one drawer by name. The map is the caller's.
	Drawer(ctx context.Context, drawer string) (map[string][]byte, error)

	// DropDrawers takes away all drawers from one up to but not including another, in the order of their bytes. Taken away
	// twice is taken away. With an error some may be gone.
	DropDrawers(ctx context.Context, from, before string) error
}

// BlockKey names a block.
type BlockKey struct {
	Drawer string // 1 to MaxDrawer printable ASCII characters
	Name   string // 1 to MaxBlockName bytes, any
}

// Block is one block of a Shelf.
type Block struct {
	BlockKey
	Value []byte // at most MaxBlock bytes
}

// Bounds of blocks, in bytes.
const (
	MaxDrawer    = 32
	MaxBlockName = 400
	MaxBlock     = 64 << 10
	MaxBlocks    = 4 << 20 // of all values and names of one PutBlocks
)

// ErrBehind is returned by PutBlocks for blocks that are made of no more than what the shelf has already, or of another life of the log.
var ErrBehind = errors.New("the shelf is ahead of it")

// CheckDrawer returns an error unless a drawer may be called that.
func CheckDrawer(name string) error {
	if name == "" || len(name) > MaxDrawer {
		return fmt.Errorf("the name of a drawer has 1 to %d bytes, not %d", MaxDrawer, len(name))
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' {
			return fmt.Errorf("the name of a drawer has printable characters, not %q", c)
		}
	}
	return nil
}

// CheckBlocks returns an error unless engines take these in one PutBlocks.
func CheckBlocks(blocks []Block) error {
	sum := 0
	for _, b := range blocks {
		if err := CheckDrawer(b.Drawer); err != nil {
			return err
		}
		switch sum += len(b.Name) + len(b.Value); {
		case b.Name == "" || len(b.Name) > MaxBlockName:
			return fmt.Errorf("the name of a block has 1 to %d bytes, not %d", MaxBlockName, len(b.Name))
		case len(b.Value) > MaxBlock:
			return fmt.Errorf("a block has at most %d bytes, not %d", MaxBlock, len(b.Value))
		case sum > MaxBlocks:
			return fmt.Errorf("more than %d bytes of blocks at once", MaxBlocks)
		}
	}
	return nil
}
