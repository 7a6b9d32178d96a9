package ui

import (
	"strconv"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// kindOf returns how a deployment stands, that may have been overtaken by another one.
func kindOf(d, by *model.Deployment) int {
	switch {
	case d.Stage == model.DeployCompleted:
		return deploymentsDone
	case d.Stage == model.DeployFailed:
		return deploymentsFailed
	case by != nil:
		return deploymentsLost
	}
	return deploymentsUnder
}

// passes reports whether a deployment is of the server, and has the words, that the reader asked for.
func (v *deployments) passes(d, by *model.Deployment) bool {
	if v.server != "" && d.Server != v.server {
		return false
	}
	if v.find == "" {
		return true
	}
	for _, s := range [...]string{d.Server, d.Version, d.Error, d.Step, d.Region, d.Resource, d.Template, d.User, d.FailedAt, d.ID, deploymentWord(d, by)} {
		if indexFold(s, v.find) >= 0 {
			return true
		}
	}
	return false
}

func (v *deployments) drawKinds(p *pen) {
	p.raw(`<div class="seg kinds" role="group" aria-label="Deployments by state">`)
	for i := range v.kinds {
		k, key := &v.kinds[i], "dpk-"+deploymentKinds[i].word[:2]
		p.raw(`<button type="button" data-do="kind" data-of="`)
		p.raw(deploymentKinds[i].name)
		p.raw(`" id="`)
		p.raw(key)
		p.raw(`"`)
		p.attr(&k.class, key, "", "class")
		if i == deploymentsLost && v.counts[i] == 0 && v.kind != i {
			p.put("off")
		}
		p.shutAttr(&k.class, "class")
		p.attr(&k.pressed, key, "", "aria-pressed")
		p.b = strconv.AppendBool(p.b, v.kind == i)
		p.shutAttr(&k.pressed, "aria-pressed")
		p.raw(`>`)
		p.raw(deploymentKinds[i].word)
		p.raw(` `)
		p.open(&k.number, "b", "", key, "-n")
		p.b = AppendCount(p.b, int64(v.counts[i]))
		p.shut(&k.number, "b")
		p.raw(`</button>`)
	}
	p.raw(`</div>`)
}
