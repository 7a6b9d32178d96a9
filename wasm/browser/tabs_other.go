//go:build !js

package browser

// Tabs are the other tabs, of which there are none.
type Tabs struct{}

// Shared reports that tabs can't find each other.
func (Tabs) Shared() bool { return false }

// Channel receives nothing.
func (Tabs) Channel(string, func(Note)) (post func(Note), hangUp func()) {
	return func(Note) {}, func() {}
}

// Lock asks for nothing.
func (Tabs) Lock(string, bool, func(), func()) (release func()) { return func() {} }
