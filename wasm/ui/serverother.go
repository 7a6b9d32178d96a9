package ui

import (
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// appendOthers appends the newest event of each type that has no place of its own on the page: they pass untouched, and
// are shown as they came.
func appendOthers(b []byte, s *model.Server, there time.Time) []byte {
	if len(s.Events) == 0 {
		return b
	}
	b = add(b, `<section class="panel log" aria-label="Other events"><div class="ph"><h2>Other events</h2><small>the newest of each type, as they came</small></div><div class="others">`)
	for _, e := range s.Events {
		b = appendOther(b, e, there)
	}
	return add(b, `</div></section>`)
}

func appendOther(b []byte, e *model.Event, there time.Time) []byte {
	b = add(b, `<div class="o"><time>`)
	b = AppendWhen(b, e.Time, there)
	b = add(b, `</time><b>`)
	b = AppendText(b, e.Type)
	b = add(b, `</b><span>`)
	b = AppendText(b, clipBytes(e.Data, 600))
	return add(b, `</span></div>`)
}

func clipBytes(s []byte, most int) []byte {
	if len(s) <= most {
		return s
	}
	return append(s[:most:most], "…"...)
}
