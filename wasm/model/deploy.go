package model

import (
	"slices"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// deploy folds in a deployment:* event, which may be of a picture, and reports whether it is one we know.
func (s *Server) deploy(e event.Event, action string, pictured bool) bool {
	i := slices.Index(stageNames[:], action)
	if i < 0 {
		return false
	}
	stage := Stage(i)
	id, _, _ := common(e)
	d := s.deployment(id, stage)
	if d.Began.IsZero() {
		d.Began, d.First = e.Time, e.ID
	}
	d.Stage, d.Changed, d.Place, d.pictured = stage, e.Time, e.ID, pictured
	d.mixed = d.mixed || pictured && d.ID != id
	if d.Reached[stage].IsZero() {
		d.Reached[stage] = e.Time
	}
	switch stage {
	case DeployStarted:
		p, _ := event.DeploymentStarted.Decode(e.Data)
		d.User, d.Template = p.UserID, p.TemplateID
		set(&d.Version, p.Version)
	case DeployBuilding:
		p, _ := event.DeploymentBuilding.Decode(e.Data)
		d.Progress = p.Progress.Or(nan)
		d.Step = p.Stage
	case DeployProvisioning:
		p, _ := event.DeploymentProvisioning.Decode(e.Data)
		d.Step = ""
		d.Resource = p.ResourceType
		set(&d.Region, p.Region)
	case DeployReady:
		p, _ := event.DeploymentReady.Decode(e.Data)
		set(&d.URL, p.URL)
	case DeployCompleted:
		p, _ := event.DeploymentCompleted.Decode(e.Data)
		set(&d.Version, p.Version)
		d.Took = time.Duration(p.DurationMs.Or(0) * float64(time.Millisecond))
	case DeployFailed:
		p, _ := event.DeploymentFailed.Decode(e.Data)
		d.Error, d.FailedAt = clip(p.Error), p.Stage
		for _, line := range p.Logs[max(0, len(p.Logs)-maxLastLines):] {
			d.Logs = append(d.Logs, clip(line))
		}
	}
	if d.Ended() && d.Took == 0 && !d.Reached[DeployStarted].IsZero() {
		d.Took = e.Time.Sub(d.Reached[DeployStarted])
	}
	return true
}

// maxLastLines bounds Deployment.Logs.
const maxLastLines = 20

// set keeps what is known when an event is silent on it.
func set(field *string, s string) {
	if s != "" {
		*field = s
	}
}

// clip bounds a text that is kept.
func clip(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "") + " …"
}

// deployment returns the one an event of the stage belongs to, new if need be.
func (s *Server) deployment(id string, stage Stage) *Deployment {
	if stage != DeployStarted {
		if id != "" {
			for _, d := range slices.Backward(s.Deployments) {
				if d.ID == id && !d.Ended() {
					return d
				}
			}
		}
		// Publishers that give each event an id of its own mean the one under way.
		if d := s.Under(); d != nil {
			return d
		}
	}
	d := &Deployment{ID: id, Server: s.ID, Progress: nan}
	if len(s.Deployments) >= MaxDeployments {
		s.Forgotten++
	}
	s.Deployments = tail(append(slices.Clip(s.Deployments), d), MaxDeployments)
	return d
}
