package event

import "encoding/json"

// All events of one deployment carry the same "id" in their data: that is how a reader knows which belong together. Where
// a publisher gives none, each event has its own place there (Event.ID as text), and stands alone.

// Started is sent when a deployment begins.
type Started struct {
	ID         string          `json:"id,omitzero"`                      // Which deployment: the same in all its events.
	UserID     string          `json:"userId,omitzero"`                  // Who asked for it.
	TemplateID string          `json:"templateId,omitzero" intern:"yes"` // What is deployed.
	Version    string          `json:"version,omitzero" intern:"yes"`    // The version that is deployed.
	Config     json.RawMessage `json:"config,omitempty"`                 // The settings it is deployed with, secrets left out.
}

// Building is sent while the build goes on, each time its progress is worth telling.
type Building struct {
	ID       string `json:"id,omitzero"`                      // Which deployment: the same in all its events.
	Progress Number `json:"progress,omitzero" unit:"percent"` // How much of the build is done.
	Stage    string `json:"stage,omitzero" intern:"yes"`      // What the build is doing, such as "compile".
}

// Provisioning is sent while what the server needs is put in place, once for each resource.
type Provisioning struct {
	ID           string `json:"id,omitzero"`                        // Which deployment: the same in all its events.
	ResourceType string `json:"resourceType,omitzero" intern:"yes"` // What is put in place, such as "container".
	Region       string `json:"region,omitzero" intern:"yes"`       // Where.
}

// Ready is sent when the new version can be reached, before traffic moves to it.
type Ready struct {
	ID                string          `json:"id,omitzero"`                 // Which deployment: the same in all its events.
	URL               string          `json:"url,omitzero"`                // Where it is reached.
	ConnectionDetails json.RawMessage `json:"connectionDetails,omitempty"` // How to connect, secrets left out.
}

// Completed is sent when the deployment is over and the new version serves.
type Completed struct {
	ID         string `json:"id,omitzero"`                             // Which deployment: the same in all its events.
	Version    string `json:"version,omitzero" intern:"yes"`           // The version that serves now.
	DurationMs Number `json:"durationMs,omitzero" unit:"milliseconds"` // How long the deployment took.
}

// Failed is sent when the deployment is over and the new version does not serve.
type Failed struct {
	ID    string   `json:"id,omitzero"`                 // Which deployment: the same in all its events.
	Error string   `json:"error"`                       // What went wrong, for people.
	Stage string   `json:"stage,omitzero" intern:"yes"` // Where it stopped: a stage of the build, or "provisioning".
	Logs  []string `json:"logs,omitempty"`              // The last lines before the end, oldest first.
}
