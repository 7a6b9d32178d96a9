package journal

import (
	"slices"
	"testing"

	"github.com/mcp-cloud/telltale/shared/event"
)

func TestClasses(t *testing.T) {
	state, sample, line := event.State, event.Sample, event.Line
	for _, row := range []struct {
		types string
		want  []event.Class
	}{
		{"", []event.Class{state, sample, line}},
		{"*", []event.Class{state, sample, line}},
		{"*:cpu", []event.Class{state, sample, line}},
		{"metrics", []event.Class{sample}},
		{"metrics:cpu", []event.Class{sample}},
		{"metrics:c*", []event.Class{sample}},
		{"logs:*,metrics:*", []event.Class{sample, line}},
		{"server:*", []event.Class{state}},
		{"backup:finished", []event.Class{state}},
		{"m*", []event.Class{state, sample}}, // "mail:sent" too
		{"logs*:app", []event.Class{state, line}},
		{"logs:app,server:online", []event.Class{state, line}},
		{"stream:sync", nil},
	} {
		f, err := event.ParseFilter("", row.types)
		if err != nil {
			t.Fatal(err)
		}
		if got := Classes(f); !slices.Equal(got, row.want) {
			t.Errorf("%q: got %v, want %v", row.types, got, row.want)
		}
		for _, typ := range []string{"metrics:cpu", "logs:app", "server:online", "backup:finished", "mail:sent", "logsy:app"} {
			if f.Match("s", typ) && !slices.Contains(Classes(f), event.ClassOf(typ)) {
				t.Errorf("%q: %s passes and its class is not in %v", row.types, typ, Classes(f))
			}
		}
	}
	if got := Classes(event.None()); len(got) != 0 {
		t.Errorf("nothing passes: got %v, want no class, so that nothing is read", got)
	}
}
