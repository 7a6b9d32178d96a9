package event

import "time"

// Starting is sent when a server has been told to start and does not yet take requests.
type Starting struct {
	StartTime time.Time `json:"startTime,omitzero"` // When the start began.
}

// Online is sent when a server takes requests: at the end of its start, and again when it leaves another state.
type Online struct {
	Uptime  Number `json:"uptime,omitzero" unit:"seconds"` // How long it has been running.
	URL     string `json:"url,omitzero"`                   // Where it is reached.
	Version string `json:"version,omitzero" intern:"yes"`  // The version that is running.
}

// Idle is sent when a server has had nothing to do for a while. It still takes requests.
type Idle struct {
	IdleSince        time.Time `json:"idleSince,omitzero"`        // When the last request ended.
	AutoShutdownTime time.Time `json:"autoShutdownTime,omitzero"` // When it will be stopped if nothing comes, where that is planned.
}

// Busy is sent when a server begins to work near what it can carry.
type Busy struct {
	ConnectionCount Number `json:"connectionCount,omitzero" unit:"connections"` // Clients connected.
	Load            Number `json:"load,omitzero" unit:"percent"`                // How much of what it can carry is in use.
}

// Offline is sent when a server has ended, or when whoever watches it finds it gone.
type Offline struct {
	Reason       string    `json:"reason,omitzero" intern:"yes"` // Why: "stopped" and "idle" were asked for, anything else was not.
	ShutdownTime time.Time `json:"shutdownTime,omitzero"`        // When it ended.
}

// Fault is sent when a server can't do its work. It stays true until another server event replaces it.
type Fault struct {
	ErrorCode string `json:"errorCode,omitzero" intern:"yes"` // A short code that stays the same for the same cause.
	Message   string `json:"message"`                         // What is wrong, for people.
	Critical  bool   `json:"critical,omitzero"`               // Whether it can't go on without help.
}
