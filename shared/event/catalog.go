package event

import "time"

//go:generate go run gen.go

// The catalogue: every type the platform knows, the payload it carries and its policy class. The payloads stand in
// catalog_*.go; their doc comments, units and field comments are what the program itself shows (see [Catalogue]), so they
// are written for readers of the events. After a change here run `go generate ./shared/event`, and add a sample.

// Server: what state a server is in. Each replaces the one before it; together they are the lamp.
var (
	ServerStarting = define[Starting]("server:starting", State)
	ServerOnline   = define[Online]("server:online", State)
	ServerIdle     = define[Idle]("server:idle", State)
	ServerBusy     = define[Busy]("server:busy", State)
	ServerOffline  = define[Offline]("server:offline", State)
	ServerError    = define[Fault]("server:error", State)
)

// Deployment: the road of a new version, from started to completed or failed.
var (
	DeploymentStarted      = define[Started]("deployment:started", State)
	DeploymentBuilding     = define[Building]("deployment:building", State)
	DeploymentProvisioning = define[Provisioning]("deployment:provisioning", State)
	DeploymentReady        = define[Ready]("deployment:ready", State)
	DeploymentCompleted    = define[Completed]("deployment:completed", State)
	DeploymentFailed       = define[Failed]("deployment:failed", State)
)

// Metrics: what was measured. Each has a headline number in "value" and its name in "type", with the details beside them.
var (
	MetricsCPU      = define[CPU]("metrics:cpu", Sample)
	MetricsMemory   = define[Memory]("metrics:memory", Sample)
	MetricsNetwork  = define[Network]("metrics:network", Sample)
	MetricsRequests = define[Requests]("metrics:requests", Sample)
	MetricsStorage  = define[Storage]("metrics:storage", Sample)
)

// Logs: what was said, line by line.
var (
	LogsApp     = define[AppLine]("logs:app", Line)
	LogsSystem  = define[SystemLine]("logs:system", Line)
	LogsRequest = define[RequestLine]("logs:request", Line)
	LogsError   = define[ErrorLine]("logs:error", Line)
)

// Stream: what the connection itself has to say. These carry none of the common fields but what their payloads name.
var (
	StreamSync      = define[Sync]("stream:sync", Control)
	StreamHeartbeat = define[Heartbeat]("stream:heartbeat", Control)
	StreamGap       = define[Gap]("stream:gap", Control)
	StreamReset     = define[Reset]("stream:reset", Control)
	StreamLimit     = define[Limit]("stream:limit", Control)
	StreamClosing   = define[Closing]("stream:closing", Control)
)

// Common are the fields that every recorded event carries beside its payload. "id" is what the payload says, else the
// publisher's own id for the event, else its place; the place itself is always the "id:" of the frame.
type Common struct {
	ID        string    `json:"id"`              // What the payload says, else the publisher's own id for the event, else the place of the event in the record.
	Timestamp time.Time `json:"timestamp"`       // When it happened: the payload's word, else the publisher's, else the time of arrival.
	ServerID  string    `json:"serverId"`        // The server it is about. Always the hub's own word.
	Source    string    `json:"source,omitzero"` // Who says so, such as "host" or "ci".

	Flapped int64 `json:"flapped,omitzero" unit:"events"` // Only where a server's state changed back and forth too fast to record each change: how many of its server events were held back since the last one recorded, this one included.
}
