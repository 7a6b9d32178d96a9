package event

import (
	"reflect"
	"testing"
	"time"
)

func TestLine(t *testing.T) {
	d := Draft{Type: "logs:app", Timestamp: time.Date(2026, 5, 12, 12, 0, 0, 1e6, time.UTC), Data: []byte(`{"id":"x","message":"\",\"data\":{}}","context":{"a":[1]}}`)}
	e, err := d.Event("web-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e.ID = ID{Epoch: 10, Seq: 7}
	got, err := ParseLine(AppendLine(nil, e))
	if err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("got %+v, %v, want %+v", got, err, e)
	}
	for _, bad := range []string{"", "{}", `{"id":"a.1","event":"x:y","data":`, `{"id":"0","event":"x:y","data":{}}`} {
		if e, err := ParseLine([]byte(bad)); err == nil {
			t.Errorf("%q read as %+v", bad, e)
		}
	}
}
