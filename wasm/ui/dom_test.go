package ui

import (
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"testing"
)

// document is a DOM in a test: a tree that does what a browser's would, and counts what it is told.
type document struct {
	t        *testing.T
	root     *node
	writes   int
	scrolled int      // where the log was scrolled to last
	lost     []string // ids that were written to and are not there
}

type node struct {
	tag   string // "" for text
	text  string
	attrs map[string]string
	kids  []*node
	up    *node
}

func newDocument(t *testing.T, markup string) *document {
	d := &document{t: t, root: &node{tag: "root"}}
	d.root.set(d.parse(markup))
	return d
}

func (d *document) parse(markup string) []*node {
	d.t.Helper()
	dec := xml.NewDecoder(strings.NewReader(markup))
	dec.Strict = false
	dec.AutoClose = xml.HTMLAutoClose
	top := &node{}
	at := top
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			if at != top {
				d.t.Fatalf("<%s> is not closed in %.200s", at.tag, markup)
			}
			return top.kids
		}
		if err != nil {
			d.t.Fatalf("%v in %.200s", err, markup)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			n := &node{tag: tok.Name.Local, attrs: map[string]string{}, up: at}
			for _, a := range tok.Attr {
				n.attrs[a.Name.Local] = a.Value
			}
			at.kids = append(at.kids, n)
			at = n
		case xml.EndElement:
			at = at.up
		case xml.CharData:
			if len(tok) > 0 {
				at.kids = append(at.kids, &node{text: string(tok), up: at})
			}
		}
	}
}

func (n *node) set(kids []*node) {
	n.kids = kids
	for _, k := range kids {
		k.up = n
	}
}

func (n *node) find(id string) *node {
	if n.attrs["id"] == id {
		return n
	}
	for _, k := range n.kids {
		if f := k.find(id); f != nil {
			return f
		}
	}
	return nil
}

// show writes the tree as text, one node a line, which a failing test can be read by.
func (n *node) show(b *strings.Builder, depth int, skip func(*node) bool) {
	if skip(n) {
		return
	}
	pad := strings.Repeat(" ", depth)
	if n.tag == "" {
		fmt.Fprintf(b, "%s%q\n", pad, n.text)
		return
	}
	b.WriteString(pad + "<" + n.tag)
	keys := make([]string, 0, len(n.attrs))
	for k := range n.attrs {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		fmt.Fprintf(b, " %s=%q", k, n.attrs[k])
	}
	b.WriteString(">\n")
	for _, k := range n.kids {
		k.show(b, depth+1, skip)
	}
}

func (d *document) get(id string) *node {
	d.writes++
	n := d.root.find(id)
	if n == nil {
		d.lost = append(d.lost, id)
	}
	return n
}

func (d *document) HTML(id, markup string) {
	if n := d.get(id); n != nil {
		n.set(d.parse(markup))
	}
}

func (d *document) Attr(id, name, value string) {
	if n := d.get(id); n != nil {
		n.attrs[name] = html.UnescapeString(value)
	}
}

func (d *document) Insert(id, where, markup string) {
	n := d.get(id)
	if n == nil {
		return
	}
	fresh := d.parse(markup)
	switch where {
	case "afterbegin":
		n.set(append(fresh, n.kids...))
	case "beforeend":
		n.set(append(n.kids, fresh...))
	case "afterend":
		n.up.set(slices.Insert(n.up.kids, slices.Index(n.up.kids, n)+1, fresh...))
	default:
		d.t.Fatalf("insert %q", where)
	}
}

func (d *document) Move(id, after string) {
	n := d.get(id)
	if n == nil {
		return
	}
	up := n.up
	up.kids = slices.DeleteFunc(up.kids, func(k *node) bool { return k == n })
	at := 0
	if after != "" {
		at = slices.Index(up.kids, up.find(after)) + 1
	}
	up.set(slices.Insert(up.kids, at, n))
}

func (d *document) Drop(id string, count int) {
	if n := d.get(id); n != nil {
		n.kids = n.kids[count:]
	}
}

func (d *document) Cut(id string, count int) {
	if n := d.get(id); n != nil {
		n.kids = n.kids[:len(n.kids)-count]
	}
}

func (d *document) Scroll(id string, top int) {
	if n := d.get(id); n != nil {
		d.scrolled = top
	}
}

func (d *document) Remove(id string) {
	if n := d.get(id); n != nil {
		n.up.kids = slices.DeleteFunc(n.up.kids, func(k *node) bool { return k == n })
	}
}
