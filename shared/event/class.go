package event

import (
	"fmt"
	"strings"
)

// Class is the policy of a kind of event: all that differs between kinds in recording, delivery and display hangs on it,
// here and nowhere else.
type Class uint8

const (
	// State is never dropped, and the latest of each type per server is replayed to newcomers. The zero Class: an event
	// we know nothing of is treated with the most care.
	State Class = iota
	// Sample may be thinned: the latest wins per server and type, and that one is replayed to newcomers.
	Sample
	// Line may be skipped with a counted marker; the newest hundred are replayed to newcomers.
	Line
	// Control is the stream's own voice. It is never recorded, published or counted as an event.
	Control
)

var classNames = [...]string{State: "state", Sample: "sample", Line: "line", Control: "control"}

// Classes are the recorded classes, in the order of their numbers.
var Classes = [...]Class{State, Sample, Line}

func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "unknown"
}

// MarshalText makes a Class its name in JSON.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the name of a Class.
func (c *Class) UnmarshalText(b []byte) error {
	for i, name := range classNames {
		if string(b) == name {
			*c = Class(i)
			return nil
		}
	}
	return fmt.Errorf("event: no class %.20q", b)
}

// SlowLink says what a link slower than the events does to events of the class.
func (c Class) SlowLink() string {
	switch c {
	case Sample:
		return "May be thinned: the latest of each type and server is sent."
	case Line:
		return "May be skipped; how many is told where they would have stood."
	}
	return "Never left out."
}

// Newcomer says what of the class a new stream begins with.
func (c Class) Newcomer() string {
	switch c {
	case Line:
		return "The newest hundred lines."
	case Control:
		return "Nothing: it is about the one stream it is sent on, and never recorded."
	}
	return "The latest of each type and server."
}

// ClassOf returns the class of a type, known or not: the other end may be newer than we are. A type that is not in the
// catalogue has the class of its category, and State when that is unknown too, since we can't know that it may be dropped.
func ClassOf(typ string) Class {
	category, _, _ := strings.Cut(typ, ":")
	switch category {
	case "metrics":
		return Sample
	case "logs":
		return Line
	case "stream":
		return Control
	}
	return State
}
