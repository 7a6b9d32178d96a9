//go:build !js

package browser

import "context"

// Keep fails with ErrNoBrowser.
func Keep(context.Context, string, []byte) error { return ErrNoBrowser }

// Kept returns nothing.
func Kept(context.Context, string) ([]byte, error) { return nil, ErrNoBrowser }
