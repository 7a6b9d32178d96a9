package model

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Deployed is how far back the record was read for deployments. A stream begins with the newest event of each stage alone, so that
// of what is not read here no more is known than that, and of one that was overtaken by another not even how it ended.
type Deployed struct {
	Since   time.Time // they were read from then on; zero: they were not, or all of them were
	All     bool      // all that is recorded was read
	Reading bool
	Failed  bool // the newest try did not succeed
}

// DeploymentsReading says that deployments are being read from the record.
func (m *Model) DeploymentsReading() {
	m.Deployed.Reading, m.Deployed.Failed = true, false
	m.Rev++
}

// DeploymentsFailed says that they could not be read.
func (m *Model) DeploymentsFailed() {
	m.Deployed.Reading, m.Deployed.Failed = false, true
	m.Rev++
}

// ReadDeployments folds in what the record holds of deployments of all servers, in order and without a hole: from a time on, with a zero
// time from the beginning. It replaces what was known of the time that it is of. Nothing is counted as received, and nothing is
// news. It keeps nothing of the events' memory.
func (m *Model) ReadDeployments(events []event.Event, since time.Time) {
	m.Deployed = Deployed{Since: since, All: since.IsZero()}
	m.Rev++
	m.Shape++
	read := make(map[string]*Server)
	for _, e := range events {
		category, action, _ := strings.Cut(e.Type, ":")
		if category != "deployment" || m.servers[e.Server] == nil {
			continue
		}
		s := read[e.Server]
		if s == nil {
			s = newServer(e.Server)
			read[e.Server] = s
		}
		s.deploy(e, action, false)
	}
	for id, was := range read {
		s := m.servers[id]
		s.Rev++
		s.mergeDeployments(was.Deployments, was.Forgotten, events[0].ID)
	}
}

// mergeDeployments puts in place what was read of all that happened from the place on, up to the newest event of it. What is
// the same stays at its place in memory.
func (s *Server) mergeDeployments(read []*Deployment, forgotten int, from event.ID) {
	if len(read) == 0 {
		return
	}
	newest := read[0].Place
	for _, r := range read {
		if r.Place.Compare(newest) > 0 {
			newest = r.Place
		}
	}
	var before, after []*Deployment
	for _, h := range s.Deployments {
		switch {
		case h.Place.Compare(from) < 0:
			before = append(before, h)
		case h.Place.Compare(newest) > 0:
			after = append(after, h)
		default: // of the time that was read
			if i := slices.IndexFunc(read, func(r *Deployment) bool { return r.Place == h.Place }); i >= 0 {
				was := *h
				*h = *read[i]
				if h.Reached[DeployStarted].IsZero() && !was.Reached[DeployStarted].IsZero() { // it began before the time that was read
					h.begin(&was)
				}
				read[i] = h
			}
		}
	}
	// Two ends may be of one deployment: it was under way when the reading began, or when it ended.
	if n := len(before); n > 0 && before[n-1].goesOn(read[0]) {
		read[0].begin(before[n-1])
		before = before[:n-1]
	}
	if len(after) > 0 {
		for i, r := range read {
			if r.goesOn(after[0]) {
				after[0].begin(r)
				read = slices.Delete(read, i, i+1)
				break
			}
		}
	}
	all := slices.Concat(before, read, after)
	s.Forgotten = max(s.Forgotten, forgotten+max(len(all)-MaxDeployments, 0))
	s.Deployments = tail(all, MaxDeployments)
}

// goesOn reports whether what next tells may be of the same deployment, later on.
func (d *Deployment) goesOn(next *Deployment) bool {
	if d.Ended() || !next.Reached[DeployStarted].IsZero() && !next.Reached[DeployStarted].Equal(d.Reached[DeployStarted]) {
		return false
	}
	return d.ID == next.ID || d.ID == "" || next.ID == ""
}

// begin takes over what was known of the same deployment before.
func (d *Deployment) begin(was *Deployment) {
	d.ID, d.Began, d.First = was.ID, was.Began, was.First
	for i, at := range was.Reached {
		if !at.IsZero() {
			d.Reached[i] = at
		}
	}
	if math.IsNaN(d.Progress) {
		d.Progress = was.Progress
	}
	for _, f := range [...]struct {
		to   *string
		from string
	}{
		{&d.Version, was.Version}, {&d.Resource, was.Resource}, {&d.Region, was.Region}, {&d.URL, was.URL},
		{&d.User, was.User}, {&d.Template, was.Template},
	} {
		if *f.to == "" {
			*f.to = f.from
		}
	}
	if began := d.Reached[DeployStarted]; d.Ended() && d.Took == 0 && !began.IsZero() {
		d.Took = d.Changed.Sub(began)
	}
}
