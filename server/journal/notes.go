package journal

import (
	"context"
	"fmt"
)

// Notes is what a record keeps beside its events: small values by name, such as whose tokens are revoked. Engines implement it
// as well as Log. Notes have no order and no places, readers of events never see them, and retention leaves them alone.
type Notes interface {
	// PutNote keeps a value under a name, in place of the one before; nil takes the name away. It is durable when PutNote
	// returns. The value is copied. Names are of 1 to 200 bytes, values at most 64 KiB, and both may hold any bytes; a value
	// of no bytes is a value. What is too long is an error of CheckNote.
	PutNote(ctx context.Context, name string, value []byte) error

	// WatchNotes calls fn with all notes whose names begin with prefix, by their names without it: first as they are now, then
	// after every change, by whichever instance, within a few seconds at most. Changes that come together may be told in one call. It
	// goes on until ctx ends, fn returns an error or the record is closed, and returns that; where the record can't be reached it tries again and fn
	// is not called. The map is the callee's to keep; nobody may change its values.
	WatchNotes(ctx context.Context, prefix string, fn func(notes map[string][]byte) error) error
}

// Bounds of notes, in bytes.
const (
	MaxNoteName  = 200
	MaxNoteValue = 64 << 10
)

// CheckNote returns an error unless engines take a note of that name and value.
func CheckNote(name string, value []byte) error {
	switch {
	case name == "" || len(name) > MaxNoteName:
		return fmt.Errorf("the name of a note has 1 to %d bytes, not %d", MaxNoteName, len(name))
	case len(value) > MaxNoteValue:
		return fmt.Errorf("a note has at most %d bytes, not %d", MaxNoteValue, len(value))
	}
	return nil
}
