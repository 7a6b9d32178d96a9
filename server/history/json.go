package history

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// AppendJSON appends the answer as one object:
//
//	{"serverId":"web-1","type":"metrics:cpu","from":ms,"to":ms,"step":ms,"complete":ms,
//	 "fields":{"usage":{"min":[…],"mean":[…],"max":[…]},…},"count":[…]}
//
// with an entry for each bucket, null where nothing was measured; and before the fields "unreadable":[[from,to],…] where there is any. Means have four significant digits, as many as can be seen in a
// chart and read in a line; least and greatest three, rounded away from the mean, which so lies between them, unless both
// are the mean itself. That is a quarter of the bytes of all.
func (a *Answer) AppendJSON(b []byte) []byte {
	text := func(s string) {
		quoted, err := json.Marshal(s)
		if err != nil { // strings always marshal
			panic(err)
		}
		b = append(b, quoted...)
	}
	b = append(b, `{"serverId":`...)
	text(a.Server)
	b = append(b, `,"type":`...)
	text(a.Type)
	for _, n := range []struct {
		name string
		v    int64
	}{{"from", a.From}, {"to", a.To}, {"step", a.Step}, {"complete", a.Complete}} {
		b = append(b, `,"`+n.name+`":`...)
		b = strconv.AppendInt(b, n.v, 10)
	}
	if len(a.Unreadable) > 0 {
		b = append(b, `,"unreadable":[`...)
		for i, u := range a.Unreadable {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, '[')
			b = strconv.AppendInt(b, u[0], 10)
			b = append(b, ',')
			b = strconv.AppendInt(b, u[1], 10)
			b = append(b, ']')
		}
		b = append(b, ']')
	}
	b = append(b, `,"fields":{`...)
	for i, f := range a.Fields {
		if i > 0 {
			b = append(b, ',')
		}
		text(f.Name)
		b = append(b, `:{"min":[`...)
		for i, v := range f.Min {
			b = appendNumber(b, i, v, f.Mean[i] == v && f.Max[i] == v, -1)
		}
		b = append(b, `],"mean":[`...)
		for i, v := range f.Mean {
			b = appendNumber(b, i, v, true, 0)
		}
		b = append(b, `],"max":[`...)
		for i, v := range f.Max {
			b = appendNumber(b, i, v, f.Mean[i] == v && f.Min[i] == v, 1)
		}
		b = append(b, "]}"...)
	}
	b = append(b, `},"count":[`...)
	for i, n := range a.Count {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(n), 10)
	}
	return append(b, "]}"...)
}

// appendNumber appends the i-th number of a list: to four digits if exact, else to three, rounded down or up.
func appendNumber(b []byte, i int, v float32, exact bool, toward float64) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	switch {
	case v != v:
		return append(b, "null"...)
	case v == 0:
		return append(b, '0')
	case exact:
		return short(b, strconv.AppendFloat(nil, float64(v), 'e', 3, 64))
	}
	text := strconv.AppendFloat(nil, float64(v), 'e', 2, 64)
	if got, _ := strconv.ParseFloat(string(text), 64); (float64(v)-got)*toward > math.Abs(float64(v))*1e-4 { // it was rounded the wrong way, by more than is known of it
		text = strconv.AppendFloat(nil, got+toward*unit(text, got*toward < 0), 'e', 2, 64)
	}
	return short(b, text)
}

// unit is what the last of three digits counts; below a power of ten, where it is less, when it goes down.
func unit(text []byte, down bool) float64 {
	digits, exp, _ := bytes.Cut(text, []byte("e"))
	n, _ := strconv.Atoi(string(exp))
	if down && bytes.HasSuffix(digits, []byte("1.00")) {
		n--
	}
	return math.Pow10(n - 2)
}

// short appends a number like "-1.230e+07" in fewer characters.
func short(b, text []byte) []byte {
	if text[0] == '-' {
		b, text = append(b, '-'), text[1:]
	}
	digits, exp, _ := bytes.Cut(text, []byte("e"))
	n, _ := strconv.Atoi(string(exp))
	digits = bytes.TrimRight(append([]byte{digits[0]}, digits[2:]...), "0")
	switch point := n + 1; {
	case point >= len(digits) && point <= len(digits)+2: // 1230, 12300
		b = append(b, digits...)
		return append(b, "00"[:point-len(digits)]...)
	case point > len(digits): // 123e4
		b = append(b, digits...)
		b = append(b, 'e')
		return strconv.AppendInt(b, int64(point-len(digits)), 10)
	case point > 0: // 1.23
		b = append(b, digits[:point]...)
		b = append(b, '.')
		return append(b, digits[point:]...)
	case point > -3: // 0.0123
		b = append(b, "0."...)
		b = append(b, "00"[:-point]...)
		return append(b, digits...)
	}
	b = append(b, digits...) // 123e-7
	b = append(b, 'e')
	return strconv.AppendInt(b, int64(n+1-len(digits)), 10)
}
