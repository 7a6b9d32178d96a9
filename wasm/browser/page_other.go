//go:build !js

package browser

// Online reports that there is a network.
func Online() bool { return true }

// OnNetwork calls f never.
func OnNetwork(func(online bool)) (remove func()) { return func() {} }

// Visible reports that there is somebody to see.
func Visible() bool { return true }

// OnHide calls f never.
func OnHide(func(left bool)) (remove func()) { return func() {} }

// OnWake calls f never.
func OnWake(func()) (remove func()) { return func() {} }

// OnReader calls f never.
func OnReader(func()) (remove func()) { return func() {} }

// Picture returns nothing.
func Picture() []byte { return nil }

// Me returns nothing.
func Me() []byte { return nil }
