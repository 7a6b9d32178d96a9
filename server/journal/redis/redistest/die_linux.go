package redistest

import "syscall"

// dieWithUs makes a process end with the thread that started it, so that a test that is killed leaves no server behind.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
