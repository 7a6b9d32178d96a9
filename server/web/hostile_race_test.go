//go:build race

package web_test

// raced: the race detector takes memory of its own, several times as much as the program.
const raced = true
