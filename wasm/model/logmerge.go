package model

import "slices"

// seal puts the older half of the open block on the shelf. It comes with every few hundred lines, and so works in memory that is
// there: what stays moves to the spare of the two blocks, and they change places.
func (l *Log) seal() {
	old, half := l.open, len(l.open.recs)/2
	n := len(l.blocks) - 1
	l.bytes -= l.blocks[n].bytes
	l.open = l.spare
	l.open.take(&old, half)
	next := &block{}
	next.survey(&l.open)
	l.changed(next, &l.open, len(l.open.body)+len(l.open.recs)*recSize)
	l.blocks = append(append(l.blocks[:n], l.shelved(&packed{old.recs[:half], old.body})...), next)
	l.spare = packed{}
	if cap(old.body) <= 2*openBytes { // one very long line is no reason to keep so much
		l.spare = packed{old.recs[:0], old.body[:0]}
	}
}

// shelved puts lines on the shelf, in blocks of the right size.
func (l *Log) shelved(p *packed) []*block {
	var list []*block
	for i := 0; i < len(p.recs); {
		j, size := i, 0
		for j < len(p.recs) && j-i < blockLines && (j == i || size < blockBytes) {
			size += int(p.recs[j].text + p.recs[j].data)
			j++
		}
		l.buf = p.append(l.buf[:0], i, j)
		b, part := &block{shelf: l.shelf.Put(l.buf)}, packed{recs: p.recs[i:j]}
		b.survey(&part)
		l.changed(b, &part, len(l.buf))
		list = append(list, b)
		i = j
		if cap(l.buf) > 8*blockBytes {
			l.buf = nil
		}
	}
	return list
}

// merge puts lines where they belong, in whatever order they are given, and returns how many were not held before.
func (l *Log) merge(lines []Line) (fresh int) {
	l.merges = true
	defer func() { l.merges = false }()
	sortLines(lines)
	for len(lines) > 0 {
		open := len(l.blocks) - 1
		at := l.blockOf(lines[0].key())
		n := 1
		for n < len(lines) && l.blockOf(lines[n].key()) == at {
			n++
		}
		run := lines[:n]
		lines = lines[n:]
		if at < 0 && (n < blockLines/4 || l.blocks[0].n == 0) {
			at = 0 // not a block of its own for each of a few
		}
		if at == open {
			for i := range run {
				if l.toOpen(&run[i]) {
					fresh++
				}
				// Beyond this line the open block may be another one: sealed, what it held is older than what it holds.
				if rest := run[i+1:]; len(rest) > 0 && len(l.blocks)-1 != open && l.blockOf(rest[0].key()) != len(l.blocks)-1 {
					return fresh + l.merge(append(slices.Clone(rest), lines...))
				}
			}
			continue
		}
		var p packed
		if at >= 0 {
			was := l.load(l.blocks[at])
			p.recs, p.body = slices.Clone(was.recs), slices.Clone(was.body)
		}
		added := 0
		for i := range run {
			r := l.rec(&run[i])
			if p.insert(&run[i], r) {
				added++
			} else {
				l.forget(&r)
			}
		}
		fresh += added
		if added > 0 {
			l.replace(at, &p)
		}
	}
	return fresh
}

// sortLines sorts by insertion, as what is read from the record is nearly in order.
func sortLines(lines []Line) {
	for i := 1; i < len(lines); i++ {
		j, k := i, lines[i].key()
		for j > 0 && lines[j-1].key().compare(k) > 0 {
			j--
		}
		if j < i {
			line := lines[i]
			copy(lines[j+1:i+1], lines[j:i])
			lines[j] = line
		}
	}
}

// blockOf returns which block a line with that key belongs to: the newest that begins before it, or -1.
func (l *Log) blockOf(k key) int {
	n := len(l.blocks)
	if l.blocks[n-1].n == 0 {
		if n == 1 {
			return 0
		}
		n--
	}
	i, _ := slices.BinarySearchFunc(l.blocks[:n], k, func(b *block, k key) int {
		if b.first.compare(k) <= 0 {
			return -1
		}
		return 1
	})
	return i - 1
}

// replace puts lines in the place of a block on the shelf; before all for -1.
func (l *Log) replace(at int, p *packed) {
	fresh := l.shelved(p)
	if at < 0 {
		l.blocks = append(fresh, l.blocks...)
		return
	}
	b := l.blocks[at]
	l.shelf.Drop(b.shelf)
	l.bytes -= b.bytes
	l.blocks = append(l.blocks[:at:at], append(fresh, l.blocks[at+1:]...)...)
	l.Rev++
}
