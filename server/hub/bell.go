package hub

import "slices"

// Feed names the shared bytes of one filter in one life of the log. Cursors whose Feeds are equal are woken together.
type Feed struct{ f *feed }

// Feed returns the cursor's.
func (c *Cursor) Feed() Feed { return Feed{c.feed} }

// bell is one who watches a feed.
type bell struct{ ring func() }

// Watch has ring called each time the feed's cursors may have something new, be it bytes or an error, after it is there to be
// handed out, until stop is called. This is for one who drives many cursors of many feeds: an event costs him a call for each
// feed that it went to, and none for the others. Ring is called by those who write the feed, perhaps by two of them at once: it
// must not block. It may still be called once while, but not after, stop returns to a caller whom the loop does not wait for. What was published before Watch returned has
// to be asked for with Fill.
func (fd Feed) Watch(ring func()) (stop func()) {
	b := &bell{ring}
	fd.f.changeBells(func(old []*bell) []*bell { return append(slices.Clip(old), b) })
	return func() {
		fd.f.changeBells(func(old []*bell) []*bell {
			return slices.DeleteFunc(slices.Clone(old), func(o *bell) bool { return o == b })
		})
	}
}

// changeBells replaces the list: the loop goes through the one it has without a lock.
func (f *feed) changeBells(change func([]*bell) []*bell) {
	for {
		old := f.bells.Load()
		var list []*bell
		if old != nil {
			list = *old
		}
		list = change(list)
		fresh := &list
		if len(list) == 0 {
			fresh = nil
		}
		if f.bells.CompareAndSwap(old, fresh) {
			return
		}
	}
}

func (f *feed) ringBells() {
	if list := f.bells.Load(); list != nil {
		for _, b := range *list {
			b.ring()
		}
	}
}
