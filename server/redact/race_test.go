//go:build race

package redact_test

// raced: under the race detector a sync.Pool throws away some of what it is given, so allocations say nothing.
const raced = true
