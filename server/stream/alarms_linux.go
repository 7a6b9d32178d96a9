package stream

import "time"

// tick looks after the streams whose turn it is by the clock.
func (w *worker) tick() {
	now := w.s.now()
	for w.wheel.next <= now {
		part := w.wheel.turn(now)
		if part == 0 {
			w.slowest.Store(w.lag)
			w.lag = 0
		}
		for i := part; i < len(w.slots); i += w.wheel.parts {
			switch st := w.slots[i].st; {
			case st == nil:
			case !st.away:
				w.look(st, now)
			case !st.full && w.due(st, now) && st.job.hold():
				w.sign(st)
			}
		}
	}
}

// due reports whether a sign of life, or the end, is due by the clock.
func (w *worker) due(st *detached, now time.Duration) bool {
	return now+w.wheel.round/2 >= min(st.beat, st.ends)
}

// sign has a stream say what is due while it waits for the pool, where it keeps its turn: however many wait there, each beats on. Its job is held.
func (w *worker) sign(st *detached) {
	now := w.s.now()
	st.beat = min(st.beat, now)
	if st.turn(&w.out, now) == says {
		n, full, err := w.sender.send(st.fd, &w.out)
		if err != nil {
			st.job.release()
			if w.recall(st) {
				w.drop(st, Gone)
			} else {
				st.gone = true
			}
			return
		}
		size := w.out.size
		st.wrote(&w.out, n)
		if st.full = full && n < size; st.full {
			st.fullAt = now
			w.s.count.full.Add(1)
		}
	}
	st.job.release()
	if st.over && w.recall(st) { // it has nothing to wait for
		w.serve(st)
	}
}

// recall reports whether the pool does not have the stream, or not yet: then it has it no more.
func (w *worker) recall(st *detached) bool {
	if st.away && !st.job.withdraw() {
		return false
	}
	st.away, st.job = false, nil
	return true
}

// look does what is due for one stream.
func (w *worker) look(st *detached, now time.Duration) {
	if st.cur != nil {
		w.lag = max(w.lag, st.cur.Lag())
	}
	switch {
	case st.full && st.over && now-st.fullAt >= w.s.o.Drain:
		w.drop(st, st.why) // its last words have waited long enough
	case st.full && now-st.fullAt >= w.s.o.Stuck:
		st.close(Slow)
		w.out.reset()
		w.out.lead = append(w.out.lead, st.pend...)
		w.out.size = len(w.out.lead)
		_, _, _ = w.sender.send(st.fd, &w.out) // as much as there may be room for after all
		w.drop(st, Slow)
	case st.full:
	case w.due(st, now):
		st.beat = min(st.beat, now)
		w.serve(st)
	}
}
