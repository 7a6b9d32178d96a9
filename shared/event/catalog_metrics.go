package event

// Samples may be thinned on their way, so nothing here counts since the sample before: what happens over time is given
// as a rate, which stays true when its neighbours are missing. Publishers may leave out "type" and "value": the hub adds
// the first, and the second where the details say it.

// CPU is the work of the processors, as a rule measured once a second.
type CPU struct {
	Type      string `json:"type,omitzero" intern:"yes" always:"yes"` // Always "cpu".
	Value     Number `json:"value,omitzero" unit:"percent"`           // The headline: usage.
	Usage     Number `json:"usage,omitzero" unit:"percent"`           // Time not idle, of all cores together: 100 is every core busy.
	Cores     Number `json:"cores,omitzero" unit:"cores"`             // Logical cores.
	Processes Number `json:"processes,omitzero" unit:"processes"`     // Processes there are.
}

// Memory is the main memory, as a rule measured once a second.
type Memory struct {
	Type      string `json:"type,omitzero" intern:"yes" always:"yes"` // Always "memory".
	Value     Number `json:"value,omitzero" unit:"percent"`           // The headline: used, of used and available together.
	Used      Number `json:"used,omitzero" unit:"bytes"`              // Memory that is in use and can't be had without taking it from somebody.
	Available Number `json:"available,omitzero" unit:"bytes"`         // Memory that can be had at once, caches that give way included.
	SwapUsed  Number `json:"swapUsed,omitzero" unit:"bytes"`          // Memory that has been moved out to disk.
}

// Network is the traffic of all interfaces but the loopback one, as a rule measured once a second.
type Network struct {
	Type        string `json:"type,omitzero" intern:"yes" always:"yes"`   // Always "network".
	Value       Number `json:"value,omitzero" unit:"bytes per second"`    // The headline: bytesIn.
	BytesIn     Number `json:"bytesIn,omitzero" unit:"bytes per second"`  // Received, on average since the sample before.
	BytesOut    Number `json:"bytesOut,omitzero" unit:"bytes per second"` // Sent, on average since the sample before.
	Connections Number `json:"connections,omitzero" unit:"connections"`   // Connections that are open.
}

// Requests is how much the server is asked and how it answers, as a rule measured once a second.
type Requests struct {
	Type            string `json:"type,omitzero" intern:"yes" always:"yes"`      // Always "requests".
	Value           Number `json:"value,omitzero" unit:"requests per second"`    // The headline: count.
	Count           Number `json:"count,omitzero" unit:"requests per second"`    // Requests answered, on average since the sample before.
	AvgResponseTime Number `json:"avgResponseTime,omitzero" unit:"milliseconds"` // Mean time from request to the end of the answer.
	ErrorRate       Number `json:"errorRate,omitzero" unit:"percent"`            // Answers that were the server's failure (5xx), of all.
}

// Storage is the disk that the server writes to, as a rule measured once a second.
type Storage struct {
	Type      string `json:"type,omitzero" intern:"yes" always:"yes"` // Always "storage".
	Value     Number `json:"value,omitzero" unit:"percent"`           // The headline: used, of used and available together.
	Used      Number `json:"used,omitzero" unit:"bytes"`              // Space that is in use.
	Available Number `json:"available,omitzero" unit:"bytes"`         // Space that can still be used.
}
