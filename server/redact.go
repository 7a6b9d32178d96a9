package main

import (
	"fmt"
	"log/slog"

	"github.com/mcp-cloud/telltale/server/redact"
)

// redactFlags say what of the published is a secret.
type redactFlags struct {
	Redact string `default:"on" placeholder:"on|FILE|off" group:"Secrets" help:"Secrets are taken out of what is published before it is recorded: on, by the rules there are; a file, by its own rules besides; off, not at all. Default: ${default}."`
}

// redactor returns what takes secrets out, or nil when nothing is to.
func (f redactFlags) redactor() (*redact.Redactor, error) {
	var rules redact.Rules
	switch f.Redact {
	case "off":
		return nil, nil
	case "on", "":
	default:
		var err error
		if rules, err = redact.Load(f.Redact); err != nil {
			return nil, fmt.Errorf("--redact: %w", err)
		}
	}
	return redact.New(rules)
}

// redactedLog returns the handler of this process's own log. Without a redactor that is h, and it says so at once: a switch that was
// forgotten must not go unnoticed.
func redactedLog(r *redact.Redactor, h slog.Handler) slog.Handler {
	if r == nil {
		slog.New(h).Warn("redaction is off: passwords, tokens and other secrets in what is published are recorded and shown as they are")
		return h
	}
	return r.Handler(h)
}

// redactedRecord returns what everything that this process records passes through; without a redactor that is next.
func redactedRecord(r *redact.Redactor, next redact.Recorder) redact.Recorder {
	if r == nil {
		return next
	}
	return r.Before(next)
}
