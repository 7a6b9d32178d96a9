package bolt

import (
	"slices"

	"go.etcd.io/bbolt"

	"github.com/mcp-cloud/telltale/shared/event"
)

// A stray is a kept state of a type that is not in the catalogue. There are as many such types as a publisher cares to invent, so
// only the newest event.MaxUnknown of each server stay.
type stray struct {
	seq uint64
	typ string
}

// straysOf returns those of a server as the transaction has them so far, to be changed and given to putStrays.
func (l *Log) straysOf(server string, c *change) []stray {
	if list, ok := c.strays[server]; ok {
		return list
	}
	return slices.Clone(l.strays[server])
}

func (c *change) putStrays(server string, list []stray) {
	if c.strays == nil {
		c.strays = make(map[string][]stray)
	}
	c.strays[server] = list
}

// isStray notes a state that was just kept, if it is a stray, and takes out the oldest of its server where there are too many.
func (l *Log) isStray(tx *bbolt.Tx, t topic, seq uint64, p *places, c *change) error {
	if event.Known(t.typ) {
		return nil
	}
	list := append(l.straysOf(t.server, c), stray{seq, t.typ}) // the newest: what is trimmed is in order
	_, err := l.dropStrays(tx, t.server, list, maxTrim, p, c)
	return err
}

// isNoStray forgets a stray that a newer one took the place of.
func (l *Log) isNoStray(t topic, seq uint64, c *change) {
	if event.Known(t.typ) {
		return
	}
	c.putStrays(t.server, slices.DeleteFunc(l.straysOf(t.server, c), func(s stray) bool { return s.seq == seq }))
}

// dropStrays takes out up to room of those that are too many, the oldest first, and puts the others into c. It returns the room left.
func (l *Log) dropStrays(tx *bbolt.Tx, server string, list []stray, room int, p *places, c *change) (int, error) {
	for ; len(list) > event.MaxUnknown && room > 0; room-- {
		if err := l.dropKept(tx, list[0].seq, p, c); err != nil {
			return room, err
		}
		c.latest = append(c.latest, newest{topic: topic{server, list[0].typ}})
		list = list[1:]
	}
	c.putStrays(server, list)
	return room, nil
}

// thinStrays does so for all servers.
func (l *Log) thinStrays(tx *bbolt.Tx, room int, p *places, c *change) (left int, err error) {
	for server, list := range l.strays {
		if len(list) > event.MaxUnknown {
			if room, err = l.dropStrays(tx, server, slices.Clone(list), room, p, c); err != nil {
				return room, err
			}
		}
	}
	return room, nil
}
