package event

import "encoding/json"

// Levels are "debug", "info", "warn" and "error"; others pass and are shown as they are.

// AppLine is a line of the server's own log, sent as it is written.
type AppLine struct {
	Level   string          `json:"level" intern:"yes"` // "debug", "info", "warn" or "error".
	Message string          `json:"message"`            // What was said.
	Context json.RawMessage `json:"context,omitempty"`  // What was said with it, as a rule an object.
}

// SystemLine is a line from what the server runs on, sent as it is written.
type SystemLine struct {
	Level     string `json:"level" intern:"yes"`              // "debug", "info", "warn" or "error".
	Message   string `json:"message"`                         // What was said.
	Component string `json:"component,omitzero" intern:"yes"` // Which part said it, such as "scheduler".
}

// RequestLine is one request, sent when its answer is over.
type RequestLine struct {
	Level        string `json:"level,omitzero" intern:"yes"`               // "info", or "error" where the answer was the server's failure.
	Message      string `json:"message,omitzero"`                          // What was said, where the rest does not say it all.
	Method       string `json:"method" intern:"yes"`                       // The method, such as "GET".
	Path         string `json:"path"`                                      // The path that was asked for, without its query.
	StatusCode   int    `json:"statusCode,omitzero"`                       // The HTTP status of the answer.
	ResponseTime Number `json:"responseTime,omitzero" unit:"milliseconds"` // Time from request to the end of the answer.
}

// ErrorLine is an error nobody handled, sent when it happened.
type ErrorLine struct {
	Level   string          `json:"level,omitzero" intern:"yes"` // "error" unless it says otherwise.
	Message string          `json:"message"`                     // What went wrong.
	Stack   string          `json:"stack,omitzero"`              // Where in the program, one frame a line.
	Context json.RawMessage `json:"context,omitempty"`           // What was going on, as a rule an object.
	UserID  string          `json:"userId,omitzero"`             // Whose request it was.
}
