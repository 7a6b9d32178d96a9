package ui

import (
	"net/url"
	"strconv"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// DeploymentPath returns the address of a deployment on the page of its server, by its key: see deploymentKey.
func DeploymentPath(server, key string) string {
	return ServerPath(server) + "?deployment=" + url.QueryEscape(key)
}

// deploymentQuiet is how long a deployment may say nothing before the page says so: it may never end.
const deploymentQuiet = 5 * time.Minute

// deploymentRow is a deployment in the list of those of all servers.
type deploymentRow struct {
	key   string
	d     *model.Deployment
	place event.ID // of its newest event when it was drawn
	over  event.ID // of that of the one that has overtaken it
	day   int      // the day it was drawn on
	reads int      // what was known of the past then

	class, lamp, word, detail, steps, took, when, to, at slot
}

// draw makes the row, or paints what differs. What has ended, or was overtaken by another one, changes no more, but for the words of its
// day, and for what is read of it: reads is how often something was.
func (r *deploymentRow) draw(p *pen, there time.Time, by *model.Deployment, reads int) {
	d := r.d
	now := !d.Ended() && by == nil
	if !p.making() && !now && r.place == d.Place && r.over == placeOf(by) && r.day == there.YearDay() && r.reads == reads {
		return
	}
	r.place, r.over, r.day, r.reads = d.Place, placeOf(by), there.YearDay(), reads
	key := r.key
	p.raw(`<li id="`)
	p.raw(key)
	p.raw(`"`)
	p.attr(&r.class, key, "", "class")
	p.put("dpr")
	if now {
		p.put(" now")
	}
	p.shutAttr(&r.class, "class")
	p.raw(`>`)
	p.open(&r.lamp, "span", "l", key, "-l")
	p.b = AppendLamp(p.b, deploymentLamp(d, by), 16, false)
	p.shut(&r.lamp, "span")
	p.raw(`<a class="s" id="`)
	p.raw(key)
	p.raw(`-n"`)
	p.attr(&r.to, key, "-n", "href")
	p.b = AppendText(p.b, DeploymentPath(d.Server, deploymentKey(d)))
	p.shutAttr(&r.to, "href")
	p.raw(`>`)
	p.text(d.Server)
	p.raw(`</a>`)
	p.open(&r.word, "b", "", key, "-w")
	p.b = appendDeploymentTitle(p.b, d, by)
	p.shut(&r.word, "b")
	p.open(&r.detail, "span", "d", key, "-d")
	p.b = appendDetail(p.b, d, by, there)
	p.shut(&r.detail, "span")
	p.open(&r.steps, "div", "st", key, "-s")
	if d.Stage != model.DeployCompleted && by == nil {
		p.b = AppendStages(p.b, stagesOf(d))
	}
	p.shut(&r.steps, "div")
	p.open(&r.took, "span", "t took", key, "-t")
	p.b = appendDeploymentTook(p.b, d, by, there)
	p.shut(&r.took, "span")
	p.open(&r.when, "span", "t", key, "-a")
	p.b = AppendWhen(p.b, firstOf(d.Began, d.Changed), there)
	p.shut(&r.when, "span")
	p.raw(`<a class="link" id="`)
	p.raw(key)
	p.raw(`-g"`)
	p.attr(&r.at, key, "-g", "href")
	p.b = AppendText(p.b, deploymentLog(d))
	p.shutAttr(&r.at, "href")
	p.raw(`>Log<i class="sr"> of `)
	p.text(d.Server)
	p.raw(` at that time</i></a></li>`)
}

// deploymentLog returns the address of what the server said then: when it failed, else when it began.
func deploymentLog(d *model.Deployment) string {
	at := firstOf(d.Began, d.Changed)
	if d.Stage == model.DeployFailed {
		at = d.Changed
	}
	return ServerPath(d.Server) + "?at=" + strconv.FormatInt(at.UnixMilli(), 10)
}

// placeOf returns the place of a deployment's newest event; zero for none.
func placeOf(d *model.Deployment) event.ID {
	if d == nil {
		return event.ID{}
	}
	return d.Place
}

func deploymentLamp(d, by *model.Deployment) model.State {
	return [deploymentsKinds]model.State{
		deploymentsUnder: model.Starting, deploymentsFailed: model.Failing, deploymentsDone: model.Online, deploymentsLost: model.Unknown,
	}[kindOf(d, by)]
}

// deploymentWords say how far a deployment is.
var deploymentWords = [model.NumStages]string{
	model.DeployStarted: "Started", model.DeployBuilding: "Building", model.DeployProvisioning: "Provisioning",
	model.DeployReady: "Ready, not serving yet", model.DeployCompleted: "Ready", model.DeployFailed: "Failed",
}

// noEnd says that a deployment was overtaken by another one.
const noEnd = "No end heard"

func deploymentWord(d, by *model.Deployment) string {
	if by != nil {
		return noEnd
	}
	return deploymentWords[d.Stage]
}

// appendDeploymentTitle appends its version and how far it is: "2.8.1 Building 60 %", "2.8.0 Failed at building", "2.7.9 No end heard
// after building".
func appendDeploymentTitle(b []byte, d, by *model.Deployment) []byte {
	if d.Version != "" {
		b = AppendText(b, d.Version)
		b = append(b, ' ')
	}
	b = add(b, deploymentWord(d, by))
	switch {
	case by != nil:
		b = add(b, `<i> after `)
		b = add(b, d.Stage.String())
		b = add(b, `</i>`)
	case d.Stage == model.DeployBuilding && d.Progress >= 0:
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(min(d.Progress, 100)), 10)
		b = add(b, nnbsp+"%")
	case d.Stage == model.DeployFailed:
		b = add(b, `<i> at `)
		if d.FailedAt != "" {
			b = AppendText(b, d.FailedAt)
		} else {
			b = add(b, model.Stage(stagesOf(d).At).String())
		}
		b = add(b, `</i>`)
	}
	return b
}

// appendDeploymentTook appends how long it took, or has taken by now.
func appendDeploymentTook(b []byte, d, by *model.Deployment, there time.Time) []byte {
	switch {
	case by != nil:
		return add(b, missing)
	case d.Took > 0:
		return AppendTook(b, d.Took)
	case d.Began.IsZero():
		return b
	case d.Ended():
		if d.Reached[model.DeployStarted].IsZero() {
			return add(b, missing) // its beginning is not known
		}
		return AppendTook(b, d.Changed.Sub(d.Began))
	}
	return AppendDuration(b, there.Sub(d.Began))
}
