package ui

import (
	"math"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// today counts the requests of the reader's day, from the record and from what came since.
type today struct {
	wants []model.Period
	past  uint64 // of the Model's Histories when it was counted
	at    int64  // the second then
	sum   float64
	track track
}

// count returns how many requests there were today, in three figures, since what is known is how many there were in a second on
// average; NaN where that is not known.
func (t *today) count(m *model.Model, s *model.Server, there time.Time) float64 {
	t.wants = t.wants[:0]
	if !s.Requests.Known() {
		return math.NaN()
	}
	past, now, state := reachDay.held(m, s.ID, measures[measureRequests].typ, there, &t.wants)
	if state != pastHere {
		return math.NaN()
	}
	if at := there.Unix() / 5; at == t.at && t.past == m.Histories.Rev {
		return t.sum
	} else {
		t.at, t.past = at, m.Histories.Rev
	}
	year, month, day := there.Date()
	midnight := time.Date(year, month, day, 0, 0, 0, 0, there.Location()).UnixMilli()
	t.track.recorded(past, now, "count", &s.Requests.Metric, 0, midnight, there.UnixMilli(), reaches[reachDay].step.Milliseconds())
	t.sum = math.NaN()
	sum := 0.0
	for i := range t.track.spread {
		b := &t.track.spread[i]
		seconds := float64(min(b.To, there.UnixMilli())-max(b.From, midnight)) / 1000
		sum += max(b.Mean*seconds, 0) // what it measured stands for all of the bucket
	}
	if len(t.track.spread) == 0 || sum >= 1e12 {
		return t.sum
	}
	round := math.Pow(10, max(math.Floor(math.Log10(max(sum, 1)))-2, 0))
	t.sum = math.Round(sum/round) * round
	return t.sum
}
