package browser

import "syscall/js"

// File is a file that is made for the reader to save. Its parts are in JavaScript's memory, not in this program's.
type File struct{ parts js.Value }

// NewFile returns an empty File.
func NewFile() *File { return &File{js.Global().Get("Array").New()} }

// Write appends a copy of b.
func (f *File) Write(b []byte) {
	part := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(part, b)
	f.parts.Call("push", part)
}

// Save offers the file to the reader under the name.
func (f *File) Save(name, contentType string) {
	options := js.Global().Get("Object").New()
	options.Set("type", contentType)
	blob := js.Global().Get("Blob").New(f.parts, options)
	urls := js.Global().Get("URL")
	url := urls.Call("createObjectURL", blob)
	link := js.Global().Get("document").Call("createElement", "a")
	link.Set("href", url)
	link.Set("download", name)
	link.Call("click")
	js.Global().Call("setTimeout", urls.Get("revokeObjectURL").Call("bind", urls, url), 60_000) // once it is read
}
