package model

import (
	"cmp"

	"github.com/mcp-cloud/telltale/shared/event"
)

// pictureLines is how many of the newest lines a picture brings, of all servers together: beside them it has the last few of
// each server, between which lines of others are missing.
const pictureLines = 100

// Past is how far back the lines of a server, or of all, are held, and what is known of those before. Lines of a server that
// are held have none missing between them that no Gap tells of; those of all have not before Floor, where some servers have
// lines that are only theirs.
type Past struct {
	Floor   event.ID // lines from this place on are held; zero where nothing is known
	Begin   bool     // nothing is recorded before
	Trimmed bool     // what was before, retention has taken
	Reading bool     // lines before are being read
	Failed  bool     // the last try to read them did not succeed
	Done    Wish     // what was wished for last, and is over
	DoneRev uint64   // of the Log, when it was
}

// Past returns what is known of the lines before those that are held: of a server, or with "" of all.
func (l *Log) Past(server string) Past {
	var p Past
	if own := l.past[server]; own != nil {
		p = *own
	}
	if all := l.past[""]; all != nil && server != "" && !all.Floor.IsZero() {
		if p.Floor.IsZero() || all.Floor.Compare(p.Floor) <= 0 {
			p.Floor, p.Begin, p.Trimmed = all.Floor, all.Begin, all.Trimmed
		}
	}
	return p
}

// Floor returns the place before which lines are to be read, of a server or with "" of all; head is how far the Log is
// complete.
func (l *Log) Floor(server string, head event.ID) event.ID {
	floor := l.Past(server).Floor
	if own := l.past[server]; server != "" && (own == nil || own.Floor.IsZero()) {
		if oldest := l.first(server); !oldest.IsZero() && (floor.IsZero() || oldest.Compare(floor) < 0) {
			floor = oldest
		}
	}
	if floor.IsZero() && !head.IsZero() {
		floor = event.ID{Epoch: head.Epoch, Seq: head.Seq + 1}
	}
	return floor
}

// first returns the lowest place among the lines of the oldest block that has some of the server.
func (l *Log) first(server string) (least event.ID) {
	number, ok := l.names.find[server]
	if !ok {
		return least
	}
	for _, b := range l.blocks {
		p := l.load(b)
		for i := range p.recs {
			r := &p.recs[i]
			if r.server == number && !r.gap && (least.IsZero() || r.place.Compare(least) < 0) {
				least = r.place
			}
		}
		if !least.IsZero() {
			break
		}
	}
	return least
}

// pastOf returns what is to be changed of the Past.
func (l *Log) pastOf(server string) *Past {
	p := l.past[server]
	if p == nil {
		if len(l.past) > MaxServers {
			for id := range l.past {
				if id != "" {
					delete(l.past, id)
					break
				}
			}
		}
		p = new(Past)
		l.past[server] = p
	}
	return p
}

// pictured takes note that what is held now came as a picture.
func (l *Log) pictured() {
	var newest [pictureLines + 1]event.ID // the highest places, lowest first
	n := 0
	for _, b := range l.blocks {
		p := l.load(b)
		for i := range p.recs {
			if p.recs[i].gap {
				continue
			}
			newest[n] = p.recs[i].place
			for j := n; j > 0 && newest[j].Compare(newest[j-1]) < 0; j-- {
				newest[j], newest[j-1] = newest[j-1], newest[j]
			}
			if n++; n > pictureLines {
				n--
				copy(newest[:], newest[1:])
			}
		}
	}
	if n > 0 {
		l.pastOf("").Floor = newest[0]
	}
}

// dropped takes note that a block has gone, and that the next is the oldest: what was before its first line is not held any
// more. A line that came very late has a place out of the order of the others; of two it is not both.
func (l *Log) dropped(p *packed, next *block) {
	last := p.recs[len(p.recs)-1].place
	floor := event.ID{Epoch: last.Epoch, Seq: min(last.Seq+1, cmp.Or(next.first.place.Seq, last.Seq+1))}
	raise := func(past *Past) {
		past.Begin, past.Trimmed = false, false
		if past.Floor.Epoch != floor.Epoch || past.Floor.Seq < floor.Seq {
			past.Floor = floor
		}
	}
	raise(l.pastOf(""))
	for i := range p.recs {
		if own := l.past[l.names.word(p.recs[i].server)]; own != nil {
			raise(own)
		}
	}
}
