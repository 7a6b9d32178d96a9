//go:build !unix

package flood

// fileLimit returns how many file descriptors this process may have; 0: not known.
func fileLimit() int { return 0 }
