//go:build !js

package browser

// File is a file for nobody to save.
type File struct{}

// NewFile returns an empty File.
func NewFile() *File { return &File{} }

// Write does nothing.
func (*File) Write(b []byte) {}

// Save does nothing.
func (*File) Save(name, contentType string) {}
