package model

import (
	"bytes"
	"time"
)

// taken begins the comment in which a picture that a browser keeps says when it was taken, by the clock of that device: the server's
// may be wrong, or this one. Who does not know of it passes it over, as any comment in a stream.
const taken = "\n: taken "

// AppendTaken appends to a picture when it was taken, by the local clock.
func AppendTaken(stream []byte, local time.Time) []byte {
	stream = append(stream, taken[1:]...)
	return append(local.UTC().AppendFormat(stream, "2006-01-02T15:04:05.000Z07:00"), "\n\n"...)
}

// takenAt returns when a picture says that it was taken; zero where it does not.
func takenAt(stream []byte) time.Time {
	i := bytes.LastIndex(stream, []byte(taken))
	if i < 0 {
		return time.Time{}
	}
	text, _, _ := bytes.Cut(stream[i+len(taken):], []byte{'\n'})
	at, _ := time.Parse(time.RFC3339, string(text))
	return at
}
