//go:build !js

package event

import (
	"os/exec"
	"testing"
)

// What the program says of its events is what the comments say, and the decoders have the fields that the structs have.
func TestGeneratedIsFresh(t *testing.T) {
	if out, err := exec.Command("go", "run", "gen.go", "-check").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
