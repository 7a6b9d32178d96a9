package stream

import (
	"sync/atomic"
	"time"

	"github.com/mcp-cloud/telltale/server/hub"
)

// group is the streams of one feed.
type group struct {
	feed    hub.Feed
	streams []*detached
	rung    atomic.Bool
	since   time.Duration // when it rang, while rung
	stop    func()
}

// join makes st one of those who are woken with its cursor's feed.
func (w *worker) join(st *detached) {
	if st.cur == nil {
		return
	}
	feed := st.cur.Feed()
	if st.group != nil {
		if st.group.feed == feed {
			return
		}
		w.leave(st)
	}
	g := w.groups[feed]
	if g == nil {
		g = &group{feed: feed}
		w.groups[feed] = g
		g.stop = feed.Watch(func() {
			if g.rung.CompareAndSwap(false, true) {
				g.since = w.s.now()
				w.post(func(box *mailbox) { box.rung = append(box.rung, g) })
			}
		})
	}
	st.group, st.index = g, int32(len(g.streams))
	g.streams = append(g.streams, st)
}

func (w *worker) leave(st *detached) {
	g := st.group
	if g == nil {
		return
	}
	last := len(g.streams) - 1
	moved := g.streams[last]
	g.streams[st.index], moved.index = moved, st.index
	g.streams[last] = nil
	g.streams = g.streams[:last]
	st.group = nil
	if last == 0 {
		g.stop()
		delete(w.groups, g.feed)
	}
}
