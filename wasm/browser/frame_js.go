package browser

import "syscall/js"

// Frames calls a function on animation frames: when asked to, and once for any number of requests before the frame. A
// hidden page has no frames; what was requested then is drawn on the first frame after.
type Frames struct {
	callback function
	pending  bool
	id       js.Value
}

// NewFrames returns Frames that call draw, which runs within the browser's frame and must not wait for anything.
func NewFrames(draw func()) *Frames {
	f := &Frames{}
	f.callback = funcOf(func(js.Value, []js.Value) any {
		f.pending = false
		draw()
		return nil
	})
	return f
}

// Request has draw called on the next frame.
func (f *Frames) Request() {
	if !f.pending {
		f.pending = true
		f.id = js.Global().Call("requestAnimationFrame", f.callback.Func)
	}
}

// Close takes a request back and releases the callback. Request must not be called again.
func (f *Frames) Close() {
	if f.pending {
		js.Global().Call("cancelAnimationFrame", f.id)
	}
	f.pending = true
	f.callback.Release()
}
