package event

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// check returns a *FieldError for the first member of an event's data that the catalogue wants to be of another type.
// Anything may be missing or null, and what the catalogue does not know passes, as the publisher may be newer.
func check(typ string, data []byte) error {
	r := find(typ)
	if r == nil {
		return nil
	}
	m := walk(data)
	for m.next() {
		for i := range r.fields {
			if f := &r.fields[i]; f.Name == string(m.key) {
				if want := wants(f, m.val); want != "" {
					return fieldErr("data."+f.Name, errors.New("want "+want))
				}
				break
			}
		}
	}
	return nil
}

// wants says what a field should be that val is not, or "".
func wants(f *Field, val []byte) string {
	if string(val) == "null" || f.Name == "id" { // "id" is the publisher's own, whatever it is
		return ""
	}
	switch f.Type {
	case textField:
		if !isString(val) {
			return "a string"
		}
	case numberField:
		if val[0] != '-' && !isDigit(val[0]) {
			return "a number"
		}
	case integerField:
		if _, err := strconv.ParseInt(string(val), 10, 64); err != nil {
			return "a whole number"
		}
	case boolField:
		if s := string(val); s != "true" && s != "false" {
			return "true or false"
		}
	case timeField:
		if _, ok := parseTime(val); !ok {
			return "RFC 3339 such as 2006-01-02T15:04:05.000Z"
		}
	case textsField:
		if parseTexts(val) == nil {
			return "an array of strings"
		}
	}
	return ""
}

// headline returns the data of a metric with what its publisher left out: "type", which is the action, and "value", where
// the details say it. See the payloads of the catalogue for what the headline of each is.
func headline(typ string, data []byte, hasType, hasValue bool) []byte {
	var value Number
	if !hasValue {
		value = derive(typ, data)
	}
	if hasType && value.IsZero() {
		return data
	}
	data = data[:len(data)-1]
	if !hasType {
		_, action, _ := strings.Cut(typ, ":")
		data = append(data, `,"type":`...)
		data = appendQuoted(data, []byte(action))
	}
	if v, ok := value.Get(); ok {
		data = append(data, `,"value":`...)
		data = appendNumber(data, v)
	}
	return append(data, '}')
}

func derive(typ string, data []byte) Number {
	switch typ {
	case MetricsCPU.Name():
		v, _ := decodeCPU(data)
		return v.Usage
	case MetricsMemory.Name():
		v, _ := decodeMemory(data)
		return share(v.Used, v.Available)
	case MetricsNetwork.Name():
		v, _ := decodeNetwork(data)
		return v.BytesIn
	case MetricsRequests.Name():
		v, _ := decodeRequests(data)
		return v.Count
	case MetricsStorage.Name():
		v, _ := decodeStorage(data)
		return share(v.Used, v.Available)
	}
	return Number{}
}

// share is what used makes of used and available together, in percent with two decimals.
func share(used, available Number) Number {
	u, ok1 := used.Get()
	a, ok2 := available.Get()
	if !ok1 || !ok2 || u < 0 || a < 0 {
		return Number{}
	}
	return Num(math.Round(u/(u+a)*10000) / 100) // none of nothing is NaN, so missing
}
