package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// The layout of a bbolt file, format version 2, in the byte order of the machine:
//
//	page    id uint64, flags uint16, count uint16, overflow uint32; then count elements, then what they point at
//	leaf    element: flags uint32, pos uint32, key size uint32, value size uint32
//	branch  element: pos uint32, key size uint32, page uint64
//	meta    magic, version, page size, flags uint32; root page, sequence, freelist page, high-water page, txid, checksum uint64
//	bucket  the value of a leaf element with bucketFlag: root page, sequence uint64; with root 0, a page follows inline
//
// An element's pos counts from the element's own beginning.
const (
	pageHead    = 16
	elementSize = 16
	bucketHead  = 16
	metaSize    = 64

	branchPage   = 1
	leafPage     = 2
	freelistPage = 16
	bucketFlag   = 1

	metaMagic   = 0xED0CDAED
	metaVersion = 2

	noFreelist = ^uint64(0)
	maxDepth   = 32 // a tree this deep could not be written in a lifetime
)

var native = binary.NativeEndian

// A pageCheck walks all pages that a file's newest header leads to, and trusts none of them.
type pageCheck struct {
	f     io.ReaderAt
	size  int64 // of the file
	page  int64 // bytes of a page
	high  uint64
	used  []bool // pages that something leads to
	spare [][]byte
}

// checkPages returns an error unless every page of the file is where and what it should be. Lost reports that only one of
// the two headers could be read.
func checkPages(f *os.File) (lost bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	c := &pageCheck{f: f, size: info.Size()}
	m, lost, err := c.newestMeta()
	if err != nil {
		return false, err
	}
	if c.high = native.Uint64(m[40:]); c.high > uint64(c.size/c.page) {
		return false, fmt.Errorf("cut short: %d pages of %d", c.size/c.page, c.high)
	}
	c.used = make([]bool, c.high)
	if err := c.tree(native.Uint64(m[16:]), 0, nil, nil); err != nil {
		return false, err
	}
	if list := native.Uint64(m[32:]); list != noFreelist {
		if err := c.freelist(list); err != nil {
			return false, err
		}
	}
	return lost, nil
}

// newestMeta returns the valid header with the highest transaction.
func (c *pageCheck) newestMeta() (newest []byte, lost bool, err error) {
	valid := 0
	try := func(at int64) {
		m := make([]byte, metaSize)
		if _, err := c.f.ReadAt(m, at+pageHead); err != nil || !validMeta(m) {
			return
		}
		size := int64(native.Uint32(m[8:]))
		if at != 0 && at != size || size < 1<<9 || size > 1<<24 || size&(size-1) != 0 || c.page != 0 && c.page != size {
			return
		}
		c.page = size
		valid++
		if newest == nil || native.Uint64(m[48:]) > native.Uint64(newest[48:]) {
			newest = m
		}
	}
	try(0)
	if c.page != 0 {
		try(c.page)
	}
	for at := int64(1 << 9); c.page == 0 && at <= 1<<24; at <<= 1 {
		try(at)
	}
	if valid == 0 {
		return nil, false, errors.New("no header that can be read")
	}
	return newest, valid == 1, nil
}

func validMeta(m []byte) bool {
	sum := fnv.New64a()
	sum.Write(m[:metaSize-8])
	return native.Uint32(m) == metaMagic && native.Uint32(m[4:]) == metaVersion && native.Uint64(m[metaSize-8:]) == sum.Sum64()
}

// read returns a page with its overflow, marked as used; put gives its memory back.
func (c *pageCheck) read(id uint64) ([]byte, error) {
	if id < 2 || id >= c.high {
		return nil, fmt.Errorf("page %d: there are %d", id, c.high)
	}
	if c.used[id] {
		return nil, fmt.Errorf("page %d: used twice", id)
	}
	var b []byte
	if n := len(c.spare); n > 0 {
		b, c.spare = c.spare[n-1], c.spare[:n-1]
	} else {
		b = make([]byte, c.page)
	}
	if _, err := c.f.ReadAt(b, int64(id)*c.page); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	if got := native.Uint64(b); got != id {
		return nil, fmt.Errorf("page %d: calls itself %d", id, got)
	}
	more := uint64(native.Uint32(b[12:]))
	if more >= c.high-id || int64(id+more+1)*c.page > c.size {
		return nil, fmt.Errorf("page %d: goes on beyond the end of the file", id)
	}
	for n := id; n <= id+more; n++ {
		if c.used[n] {
			return nil, fmt.Errorf("page %d: used twice", n)
		}
		c.used[n] = true
	}
	if more > 0 {
		c.put(b)
		b = make([]byte, int64(more+1)*c.page)
		if _, err := c.f.ReadAt(b, int64(id)*c.page); err != nil {
			return nil, fmt.Errorf("page %d: %w", id, err)
		}
	}
	return b, nil
}

func (c *pageCheck) put(b []byte) {
	if int64(len(b)) == c.page {
		c.spare = append(c.spare, b)
	}
}

// tree checks a page and all below it, whose keys must be at least low and, unless high is nil, lower than high.
func (c *pageCheck) tree(id uint64, depth int, low, high []byte) error {
	if depth > maxDepth {
		return fmt.Errorf("page %d: too deep", id)
	}
	b, err := c.read(id)
	if err != nil {
		return err
	}
	defer c.put(b)
	if err := c.elements(b, depth, low, high); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// elements checks the inside of a page, or of what stands for a page within a bucket's value.
func (c *pageCheck) elements(b []byte, depth int, low, high []byte) error {
	flags, count := native.Uint16(b[8:]), int(native.Uint16(b[10:]))
	if flags != branchPage && flags != leafPage || flags == branchPage && count == 0 {
		return fmt.Errorf("neither branch nor leaf (flags %#x, %d entries)", flags, count)
	}
	if pageHead+count*elementSize > len(b) {
		return fmt.Errorf("%d entries are too many", count)
	}
	prev := low
	for i := range count {
		key, value, child, isBucket, err := element(b, flags, i)
		if err != nil {
			return err
		}
		if order := bytes.Compare(prev, key); order > 0 || order == 0 && i > 0 || high != nil && bytes.Compare(key, high) >= 0 {
			return fmt.Errorf("entry %d: out of order", i)
		}
		prev = key
		switch {
		case flags == branchPage:
			end := high
			if i+1 < count {
				if end, _, _, _, err = element(b, flags, i+1); err != nil {
					return err
				}
			}
			err = c.tree(child, depth+1, key, end)
		case isBucket:
			err = c.bucket(value, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// element returns the i-th entry of a page that has room for the entries it counts.
func element(b []byte, flags uint16, i int) (key, value []byte, child uint64, isBucket bool, err error) {
	at := pageHead + i*elementSize
	e := b[at : at+elementSize]
	var pos, ksize, vsize uint64
	if flags == branchPage {
		pos, ksize, child = uint64(native.Uint32(e)), uint64(native.Uint32(e[4:])), native.Uint64(e[8:])
	} else {
		isBucket = native.Uint32(e)&bucketFlag != 0
		pos, ksize, vsize = uint64(native.Uint32(e[4:])), uint64(native.Uint32(e[8:])), uint64(native.Uint32(e[12:]))
	}
	from := uint64(at) + pos
	if from+ksize+vsize > uint64(len(b)) {
		return nil, nil, 0, false, fmt.Errorf("entry %d: beyond the page", i)
	}
	return b[from : from+ksize], b[from+ksize : from+ksize+vsize], child, isBucket, nil
}

func (c *pageCheck) bucket(value []byte, depth int) error {
	if len(value) < bucketHead {
		return errors.New("bucket without a root")
	}
	if root := native.Uint64(value); root != 0 {
		return c.tree(root, depth+1, nil, nil)
	}
	inline := value[bucketHead:]
	if len(inline) < pageHead || native.Uint16(inline[8:]) != leafPage {
		return errors.New("inline bucket without a page")
	}
	return c.elements(inline, depth+1, nil, nil)
}

// freelist checks that nothing leads to a page that is to be used again.
func (c *pageCheck) freelist(id uint64) error {
	b, err := c.read(id)
	if err != nil {
		return fmt.Errorf("list of free pages: %w", err)
	}
	if flags := native.Uint16(b[8:]); flags != freelistPage {
		return fmt.Errorf("list of free pages: flags %#x", flags)
	}
	count, ids := uint64(native.Uint16(b[10:])), b[pageHead:]
	if count == 0xFFFF { // the real one did not fit
		count, ids = native.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids))/8 {
		return fmt.Errorf("list of free pages: %d are too many", count)
	}
	for i := range count {
		free := native.Uint64(ids[8*i:])
		if free < 2 || free >= c.high || c.used[free] {
			return fmt.Errorf("page %d: free and not free", free)
		}
		c.used[free] = true
	}
	return nil
}
