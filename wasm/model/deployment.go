package model

import (
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Stage is how far a deployment is, named for the newest event about it.
type Stage uint8

const (
	DeployStarted Stage = iota
	DeployBuilding
	DeployProvisioning
	DeployReady
	DeployCompleted
	DeployFailed
	NumStages = iota
)

var stageNames = [NumStages]string{"started", "building", "provisioning", "ready", "completed", "failed"}

func (s Stage) String() string {
	if int(s) < NumStages {
		return stageNames[s]
	}
	return "unknown"
}

// Deployment is one rollout, put together from its events. Fields no event carried are zero. Events are of one deployment
// when they share the payload's id; those without a shared one belong to the deployment under way on their server, and
// deployment:started begins a new one.
type Deployment struct {
	ID      string // the id its first event carried
	Server  string
	Stage   Stage
	Began   time.Time            // time of its first event that we know
	Changed time.Time            // time of its newest
	Reached [NumStages]time.Time // when each stage began; zero: not heard of
	First   event.ID             // of its first event that we know
	Place   event.ID             // of its newest

	Version  string
	Progress float64 // percent of the building stage, 0 to 100; NaN when not said
	Step     string  // what is being done, in the publisher's words
	Resource string  // provisioning: what is being provisioned
	Region   string
	URL      string
	User     string
	Template string
	Error    string        // failed
	FailedAt string        // failed: the stage it stopped in, in the publisher's words
	Logs     []string      // failed: its last lines, at most 20
	Took     time.Duration // completed: as the publisher counted it; else Ended minus Began when both are known

	pictured bool // Place is of a picture, which has the newest event of each stage alone
	mixed    bool // an event of a picture was taken for its own that has another id
}

// Ended reports whether nothing more is to come.
func (d *Deployment) Ended() bool { return d.Stage == DeployCompleted || d.Stage == DeployFailed }

// Overtaken returns the next deployment of the same server that began after all that d has said, of which no end was heard: nobody
// knows that d still goes on. It is nil for one that has ended or is the newest, and again when d says more. A stream begins with
// the newest event of each stage alone, and so with what is left of deployments that ended long ago. Of two at once it may have
// the end of one in the place of the other's: so it is with one that ended, in the same picture, after all that d has said.
func (d *Deployment) Overtaken(all []*Deployment) (by *Deployment) {
	if d.Ended() {
		return nil
	}
	for _, o := range all {
		if o != d && (o.First.Compare(d.Place) > 0 || d.hidesEnd(o)) && (by == nil || o.First.Compare(by.First) < 0) {
			by = o
		}
	}
	return by
}

// hidesEnd reports whether the end of o may have taken the place of the end of d in the picture that both are known of.
func (d *Deployment) hidesEnd(o *Deployment) bool {
	return d.pictured && o.pictured && o.Ended() && o.Place.Compare(d.Place) > 0
}

// Unsure reports whether a picture has left it open which of the server's deployments it tells of, or whether one has ended: the record
// knows. See [Model.ReadDeployments].
func (s *Server) Unsure() bool {
	for _, d := range s.Deployments {
		if d.mixed {
			return true
		}
		for _, o := range s.Deployments {
			if !d.Ended() && d.hidesEnd(o) {
				return true
			}
		}
	}
	return false
}
