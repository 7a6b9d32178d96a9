//go:build !unix

package flood

import "syscall"

func childAttr() *syscall.SysProcAttr { return nil }
