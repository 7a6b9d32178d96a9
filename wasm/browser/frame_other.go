//go:build !js

package browser

// Frames calls a function on animation frames, of which there are none here.
type Frames struct{}

// NewFrames returns Frames that never draw.
func NewFrames(func()) *Frames { return &Frames{} }

// Request does nothing.
func (*Frames) Request() {}

// Close does nothing.
func (*Frames) Close() {}
