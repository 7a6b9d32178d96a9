package journal

import (
	"slices"
	"strings"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Classes returns the classes that events may have which pass the filter, in the order of event.Classes. An engine need
// not look at the others, and what it has trimmed of them is not missed by who asks with this filter. Of the filter that nothing passes
// there are none.
//
// It rests on a type's class being that of its category, which no later version can change for what is recorded already.
func Classes(f event.Filter) []event.Class {
	if f.IsNone() {
		return nil
	}
	if f.Types() == "" {
		return event.Classes[:]
	}
	var out []event.Class
	add := func(c event.Class) {
		if slices.Contains(event.Classes[:], c) && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	for pattern := range strings.SplitSeq(f.Types(), ",") {
		category, _, _ := strings.Cut(pattern, ":")
		prefix, star := strings.CutSuffix(category, "*")
		if !star {
			add(event.ClassOf(pattern))
			continue
		}
		add(event.State) // of categories nobody knows yet
		for _, known := range [...]string{"metrics", "logs"} {
			if strings.HasPrefix(known, prefix) {
				add(event.ClassOf(known + ":"))
			}
		}
	}
	slices.Sort(out)
	return out
}
