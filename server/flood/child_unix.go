//go:build unix

package flood

import "syscall"

// childAttr puts a child into a process group of its own.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
