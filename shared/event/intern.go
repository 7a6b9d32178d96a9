package event

import "sync/atomic"

// interned keeps one copy of each short text that recurs: types, server ids, levels. A text has one slot it may stand in,
// and a newcomer takes the slot: whatever strangers send, it never holds more than len(interned) texts, and nobody waits.
var interned [1024]atomic.Pointer[string]

func intern(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > MaxServerLen {
		return string(b)
	}
	h := uint32(2166136261) // FNV-1a
	for _, c := range b {
		h = (h ^ uint32(c)) * 16777619
	}
	slot := &interned[(h^h>>16)%uint32(len(interned))]
	if s := slot.Load(); s != nil && *s == string(b) {
		return *s
	}
	s := string(b)
	slot.Store(&s)
	return s
}
