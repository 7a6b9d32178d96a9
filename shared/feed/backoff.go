package feed

import "time"

// Backoff says how long to wait before the next try: twice as long after each failure, up to a cap, and then up to half
// as much again, so that those who lost a server together don't come back together. It is a value that thinks; whoever
// calls it does the waiting. The zero Backoff waits 1 s, 2 s, 4 s … 30 s.
type Backoff struct {
	Min   time.Duration // the first wait; zero means 1 s
	Max   time.Duration // the cap, before jitter; zero means 30 s
	Floor time.Duration // never less than this: what the server's "retry:" asks for; it may pass Max

	tries int
}

// Next returns the time to wait before the next try, and counts it. Random is in [0, 1).
func (b *Backoff) Next(random float64) time.Duration {
	lo, hi := b.Min, b.Max
	if lo <= 0 {
		lo = time.Second
	}
	if hi <= 0 {
		hi = 30 * time.Second
	}
	d := lo
	for range b.tries {
		if d >= hi {
			break
		}
		d *= 2
	}
	b.tries++
	d = max(min(d, hi), b.Floor)
	return d + time.Duration(random*float64(d)/2)
}

// Reset begins anew: events flow. The floor stays, as the server's word holds until it says otherwise.
func (b *Backoff) Reset() { b.tries = 0 }
