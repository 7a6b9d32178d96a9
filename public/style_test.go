package public

import (
	"os"
	"regexp"
	"testing"
)

// A rule that asks by :has what stands anywhere in the page has a browser style all of it anew with each element that comes or goes: on a fleet of 500
// servers that was half of the main thread. A card or a row may ask what is in it.
func TestNothingLargeHasToBeSearched(t *testing.T) {
	css, err := os.ReadFile("telltale.css")
	if err != nil {
		t.Fatal(err)
	}
	if bad := regexp.MustCompile(`(^|[\s},])(:root|html|body|main|#app|#screen|#main)(\.[\w-]+)?:has\([^)]*\)`).FindAllString(string(css), -1); len(bad) > 0 {
		t.Errorf("%q", bad)
	}
}
