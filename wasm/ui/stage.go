package ui

import (
	"math"
	"strconv"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// AppendBar appends a bar filled to the given part, 0 to 1; below zero it is filled to nothing known and drawn hatched.
func AppendBar(b []byte, id string, share float64) []byte {
	b = add(b, `<span class="bar"`)
	if id != "" {
		b = add(b, ` id="`)
		b = AppendText(b, id)
		b = append(b, '"')
	}
	b = add(b, ` style="`)
	b = AppendBarStyle(b, share)
	return add(b, `"></span>`)
}

// AppendBarStyle appends the style attribute of a bar, for painting one that is on screen: "--p:60%".
func AppendBarStyle(b []byte, share float64) []byte {
	b = add(b, "--p:")
	b = strconv.AppendInt(b, int64(math.Round(min(max(share, 0), 1)*100)), 10)
	return append(b, '%')
}

// The four equal steps of a deployment, in order, as they are called before, at and after their time.
const (
	StageStarted = iota
	StageBuilding
	StageProvisioning
	StageReady
	stageCount
)

var stages = [stageCount]struct{ ahead, done string }{
	{"Started", "Started"},
	{"Building", "Built"},
	{"Provision", "Provisioned"},
	{"Ready", "Ready"},
}

// Stages is how far a deployment came.
type Stages struct {
	At     int     // the stage it is at, or failed at
	Share  float64 // how far within that stage, 0 to 1
	Done   bool    // it is ready: every step is full
	Failed bool    // it ended here
}

// AppendStages appends the four steps with their words.
func AppendStages(b []byte, s Stages) []byte {
	b = add(b, `<ol class="stages`)
	if s.Failed {
		b = add(b, ` failed`)
	}
	b = add(b, `">`)
	for i, st := range stages {
		class, share, word := "todo", 0.0, st.ahead
		switch {
		case s.Done || i < s.At:
			class, share, word = "done", 1, st.done
		case i == s.At && s.Failed:
			class, share, word = "bad", 1, st.ahead+" ✕"
		case i == s.At:
			class, share = "now", s.Share
			if i == StageStarted {
				share = 1
			}
		}
		b = add(b, `<li class="`)
		b = add(b, class)
		b = add(b, `">`)
		b = AppendBar(b, "", share)
		b = append(b, word...)
		b = add(b, `</li>`)
	}
	return add(b, `</ol>`)
}

// stagesOf returns how far a deployment came.
func stagesOf(d *model.Deployment) Stages {
	switch d.Stage {
	case model.DeployCompleted:
		return Stages{At: StageReady, Done: true}
	case model.DeployFailed:
		at := StageStarted
		for s := range model.DeployCompleted {
			if !d.Reached[s].IsZero() {
				at = int(s)
			}
		}
		if indexFold(d.FailedAt, "provision") >= 0 {
			at = StageProvisioning
		} else if d.FailedAt != "" && at == StageStarted {
			at = StageBuilding
		}
		return Stages{At: at, Failed: true}
	case model.DeployBuilding:
		share := d.Progress / 100
		if math.IsNaN(share) {
			share = .5
		}
		return Stages{At: StageBuilding, Share: share}
	}
	return Stages{At: int(d.Stage), Share: .5}
}
