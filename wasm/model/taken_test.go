package model

import (
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
	"github.com/mcp-cloud/telltale/shared/feed"
)

// A picture that was kept is as old as this device's own clock says, however wrong the server's is; what it shows has the ages that it
// would have had by the stream. One that an app of before has kept opens, and is as old as the server's clock makes it.
func TestAgeOfAKeptPicture(t *testing.T) {
	for _, ahead := range []time.Duration{2 * time.Hour, 0, -2 * time.Hour} {
		var k Keeper
		d := event.Draft{Type: "logs:app", Data: []byte(`{"message":"x\n: taken 2020-01-01T00:00:00.000Z\n"}`)}
		e, err := d.Event("s", noon.Add(ahead))
		if err != nil {
			t.Fatal(err)
		}
		e.ID = event.ID{Epoch: 1, Seq: 1}
		e.Data = event.AppendJSON(nil, e)
		k.Update(feed.Batch{Place: e.ID, Events: []event.Event{{Type: "stream:sync", Data: []byte(`{"mode":"fresh"}`)}, e, {Type: "stream:heartbeat", Data: []byte(`{}`), ID: e.ID}}})
		text, _ := k.AppendStream(nil, noon.Add(ahead))
		for _, age := range []time.Duration{10 * time.Second, time.Hour, 2 * time.Hour} {
			now := noon.Add(age)
			m := New()
			p, err := m.Load(text, now)
			if err != nil || !p.Taken.IsZero() || !m.Link.Picture.Equal(noon.Add(ahead)) || m.Skew() != 0 {
				t.Errorf("%v ahead, of before: got %v, %v, of %v", ahead, p.Taken, err, m.Link.Picture)
			}
			m = New()
			p, err = m.Load(AppendTaken(text[:len(text):len(text)], noon), now)
			if err != nil || !p.Time.Equal(noon.Add(ahead)) || !m.Link.Picture.Equal(noon) || m.Skew() != ahead {
				t.Errorf("%v ahead: got %v, %v, of %v", ahead, p.Time, err, m.Link.Picture)
			}
			if fresh := age < PictureFresh; p.Fresh != fresh || m.Aged(m.Server("s"), now) == fresh {
				t.Errorf("%v ahead, %v old: fresh is %v, aged %v", ahead, age, p.Fresh, m.Aged(m.Server("s"), now))
			}
			if got := m.Now(now).Sub(m.Type("logs:app").Newest.Time); got != age {
				t.Errorf("%v ahead: what is %v old is %v old on the page", ahead, age, got)
			}
			// What the stream says of the clocks goes before.
			m.Update(feed.Batch{At: now, Events: []event.Event{{Type: "stream:sync", Data: []byte(`{"mode":"resumed","serverTime":"` + now.UTC().Format(time.RFC3339) + `"}`)}}})
			if m.Skew() != 0 {
				t.Errorf("%v ahead once and no more: the clocks are %v apart", ahead, m.Skew())
			}
		}
	}
}
