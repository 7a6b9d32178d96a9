package hub

import "weak"

// A snapshot is the picture of one filter as wire bytes, and where its feed goes on. Newcomers who come at the same time
// share it, so that a thousand of them cost one reading of the picture.
type snapshot struct {
	place uint64 // the picture is that of this place
	body  chunk
	then  position // in the feed, right behind place
}

// A position is where a cursor stands in a chain of chunks.
type position struct {
	chunk *chunk
	off   int
}

// snapshot returns a picture that is at least as new as the call. The feed keeps it only as long as somebody reads it.
func (h *Hub) snapshot(l *life, f *feed) *snapshot {
	asked := l.place.Load()
	f.snap.Lock()
	defer f.snap.Unlock()
	if s := f.snap.newest.Value(); s != nil && s.place >= asked {
		return s // made while we waited for the lock, or nothing has happened since
	}
	s := new(snapshot)
	h.gather.Lock()
	h.mu.Lock()
	entries := l.picture.collect(f.filter)
	s.place = l.place.Load()
	if p := f.pacing; p != nil && p.first > 0 {
		f.publish(h.feedLimit(l)) // its cursors are told when its window is over
		p.first = 0
		f.owed.Store(p.oldest())
	}
	s.then = position{f.chunks[len(f.chunks)-1], f.end}
	h.mu.Unlock()
	h.gather.Unlock()

	entries = inOrder(entries)
	size := 0
	for _, e := range entries {
		size += len(e.frame)
	}
	b := make([]byte, 0, size)
	for _, e := range entries {
		b = append(b, e.frame...)
	}
	s.body.set(b)
	f.snap.newest = weak.Make(s)
	return s
}
