package model

import (
	"errors"
	"fmt"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
	"github.com/mcp-cloud/telltale/shared/sse"
)

// Picture says what a text given to Load was a picture of.
type Picture struct {
	Place event.ID  // the picture is complete up to here: go on after it. Zero where the log was empty
	Time  time.Time // when it was made, by the server's clock
	Taken time.Time // the same by the local clock; zero where that is not known: see AppendTaken
	Fresh bool      // it is less than PictureFresh old: the stream can go on from Place

	Batch feed.Batch // what is in it
}

// ErrPicture is returned by Load for a text that is not a whole picture.
var ErrPicture = errors.New("not a whole picture")

// Load fills an empty Model with a picture, as a stream gives it: stream:sync, the events, and the stream:heartbeat that
// says it is complete. Now is the local time. The prerendered page carries such a text, so that server and browser draw
// the same Model.
//
// When the picture is Fresh and has a Place, give that to the feed.Client, and the Model goes on from it. Otherwise begin
// without a place: the picture that comes then replaces this one.
func (m *Model) Load(stream []byte, now time.Time) (Picture, error) {
	p, err := ReadPicture(stream, now)
	if err != nil {
		return p, err
	}
	b := p.Batch
	b.State = m.Link.State
	m.Update(b)
	m.skew = skew{} // a picture is as old as it is: that says nothing about clocks
	m.Link.Picture = p.Time
	if !p.Taken.IsZero() {
		m.Link.Picture, m.skew.before = p.Taken, p.Time.Sub(p.Taken)
	}
	m.borrowed = !p.Fresh || p.Place.IsZero()
	return p, nil
}

// ReadPicture reads what Load takes.
func ReadPicture(stream []byte, now time.Time) (Picture, error) {
	var p Picture
	whole := false
	var d sse.Decoder
	err := d.Push(stream, func(f sse.Frame) bool {
		e, err := event.Parse(f)
		if err != nil {
			return true
		}
		e.Data = append([]byte(nil), e.Data...)
		switch e.Type {
		case event.StreamSync.Name():
			s, _ := event.StreamSync.Decode(e.Data)
			p.Time = s.ServerTime
		case event.StreamHeartbeat.Name():
			p.Place, whole = e.ID, true
		}
		p.Batch.Events = append(p.Batch.Events, e)
		return true
	})
	if err != nil {
		return p, fmt.Errorf("model: load: %w", err)
	}
	if !whole || p.Time.IsZero() {
		return p, fmt.Errorf("model: load: %w", ErrPicture)
	}
	p.Batch.At, p.Batch.Place = now, p.Place
	made := p.Time
	if p.Taken = takenAt(stream); !p.Taken.IsZero() {
		made = p.Taken
	}
	p.Fresh = now.Sub(made).Abs() < PictureFresh
	return p, nil
}
