package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/sse"
)

// The baseline's payloads: what one would write for encoding/json, with plain fields, so that it pays for nothing of ours.
type (
	plainCPU struct {
		Common
		Type                           string
		Value, Usage, Cores, Processes float64
	}
	plainMemory struct {
		Common
		Type                             string
		Value, Used, Available, SwapUsed float64
	}
	plainNetwork struct {
		Common
		Type                                  string
		Value, BytesIn, BytesOut, Connections float64
	}
	plainApp struct {
		Common
		Level, Message string
		Context        json.RawMessage
	}
	plainSystem struct {
		Common
		Level, Message, Component string
	}
	plainRequest struct {
		Common
		Level, Message, Method, Path string
		StatusCode                   int
		ResponseTime                 float64
	}
)

// A step takes one frame to its typed event: place, type, server, time and payload. sum keeps the compiler from
// thinking that nobody needs them.
var sum float64

func stepByHand(f sse.Frame) error {
	e, err := Parse(f)
	if err != nil {
		return err
	}
	sum += float64(e.ID.Seq) + float64(len(e.Server)) + float64(e.Time.Nanosecond())
	switch e.Type {
	case "metrics:cpu":
		v, err := MetricsCPU.Decode(e.Data)
		sum += v.Value.Or(0)
		return err
	case "metrics:memory":
		v, err := MetricsMemory.Decode(e.Data)
		sum += v.Value.Or(0)
		return err
	case "metrics:network":
		v, err := MetricsNetwork.Decode(e.Data)
		sum += v.Value.Or(0)
		return err
	case "logs:app":
		v, err := LogsApp.Decode(e.Data)
		sum += float64(len(v.Message))
		return err
	case "logs:system":
		v, err := LogsSystem.Decode(e.Data)
		sum += float64(len(v.Message))
		return err
	case "logs:request":
		v, err := LogsRequest.Decode(e.Data)
		sum += float64(len(v.Path))
		return err
	}
	return fmt.Errorf("unexpected %s", e.Type)
}

func stepByJSON(f sse.Frame) error {
	id, err := ParseID(string(f.ID))
	if err != nil {
		return err
	}
	sum += float64(id.Seq)
	common := func(c *Common) { sum += float64(len(c.ServerID)) + float64(c.Timestamp.Nanosecond()) }
	switch string(f.Event) {
	case "metrics:cpu":
		var v plainCPU
		err = json.Unmarshal(f.Data, &v)
		common(&v.Common)
		sum += v.Value
	case "metrics:memory":
		var v plainMemory
		err = json.Unmarshal(f.Data, &v)
		common(&v.Common)
		sum += v.Value
	case "metrics:network":
		var v plainNetwork
		err = json.Unmarshal(f.Data, &v)
		common(&v.Common)
		sum += v.Value
	case "logs:app":
		var v plainApp
		err = json.Unmarshal(f.Data, &v)
		common(&v.Common)
		sum += float64(len(v.Message))
	case "logs:system":
		var v plainSystem
		err = json.Unmarshal(f.Data, &v)
		common(&v.Common)
		sum += float64(len(v.Message))
	case "logs:request":
		var v plainRequest
		err = json.Unmarshal(f.Data, &v)
		common(&v.Common)
		sum += float64(len(v.Path))
	default:
		err = fmt.Errorf("unexpected %s", f.Event)
	}
	return err
}

var benchPayloads = map[string][]Draft{
	"metrics": {
		{Type: "metrics:cpu", Data: json.RawMessage(`{"usage":42.13,"cores":8,"processes":312}`)},
		{Type: "metrics:memory", Data: json.RawMessage(`{"used":6442450944,"available":10737418240,"swapUsed":268435456}`)},
		{Type: "metrics:network", Data: json.RawMessage(`{"bytesIn":1438211.5,"bytesOut":220544.25,"connections":57}`)},
	},
	"logs": {
		{Type: "logs:app", Data: json.RawMessage(`{"level":"info","message":"index \"docs\" rebuilt in 912 ms","context":{"documents":18204,"ms":912}}`)},
		{Type: "logs:system", Data: json.RawMessage(`{"level":"warn","message":"container restarted after 3 failed probes","component":"scheduler"}`)},
		{Type: "logs:request", Data: json.RawMessage(`{"level":"info","method":"POST","path":"/mcp/tools/call","statusCode":200,"responseTime":17.25}`)},
	},
}

// benchChunk is n events as a stream carries them.
func benchChunk(tb testing.TB, n int, drafts []Draft) []byte {
	tb.Helper()
	var wire []byte
	for i := range n {
		d := drafts[i%len(drafts)]
		d.Source = "host"
		e, err := d.Event(fmt.Sprintf("web-%d", i%10), testTime.Add(time.Duration(i)*time.Millisecond))
		if err != nil {
			tb.Fatal(err)
		}
		e.ID = ID{0x7f3a1c09, uint64(658512 + i)}
		wire = AppendFrame(wire, e)
	}
	return wire
}

// BenchmarkDecode takes the bytes of a stream to typed events, the whole of what a browser does with them before its Model:
// frames by sse.Decoder for both; then, by hand, Parse and Kind.Decode; and, as the baseline, ParseID and one json.Unmarshal into a struct
// of the common fields and the payload's. Both take turns at the same chunks in the same run. ns/event is ours, json-ns/event
// the baseline's, and x-json the second by the first: `make bench` runs this in Wasm too, where it has to be 4 at least.
func BenchmarkDecode(b *testing.B) {
	const events = 300
	for _, name := range []string{"metrics", "logs"} {
		b.Run(name, func(b *testing.B) {
			chunk := benchChunk(b, events, benchPayloads[name])
			var d sse.Decoder
			run := func(step func(sse.Frame) error) time.Duration {
				n := 0
				start := time.Now()
				err := d.Push(chunk, func(f sse.Frame) bool {
					n++
					if err := step(f); err != nil {
						b.Fatalf("%s: %v", f.Data, err)
					}
					return true
				})
				took := time.Since(start)
				if err != nil || n != events {
					b.Fatalf("%d events, %v, want %d", n, err, events)
				}
				return took
			}
			for range 30 { // a browser compiles what runs often a second time, better; a stream lasts long
				run(stepByHand)
				run(stepByJSON)
			}
			var hand, reflection time.Duration
			for b.Loop() {
				hand += run(stepByHand)
				reflection += run(stepByJSON)
			}
			perEvent := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / events / float64(b.N) }
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(perEvent(hand), "ns/event")
			b.ReportMetric(perEvent(reflection), "json-ns/event")
			b.ReportMetric(float64(reflection)/float64(hand), "x-json")
		})
	}
}

// TestBenchmarkIsFair: both sides read the same out of the same bytes.
func TestBenchmarkIsFair(t *testing.T) {
	for name, drafts := range benchPayloads {
		chunk := benchChunk(t, 30, drafts)
		total := func(step func(sse.Frame) error) float64 {
			sum = 0
			var d sse.Decoder
			if err := d.Push(chunk, func(f sse.Frame) bool {
				if err := step(f); err != nil {
					t.Fatal(err)
				}
				return true
			}); err != nil {
				t.Fatal(err)
			}
			return sum
		}
		if hand, reflection := total(stepByHand), total(stepByJSON); hand != reflection || hand == 0 {
			t.Errorf("%s: by hand %v, by encoding/json %v", name, hand, reflection)
		}
	}
}

// BenchmarkDraft is the ingest side: check, flatten, compact.
func BenchmarkDraft(b *testing.B) {
	d := Draft{Type: "metrics:cpu", Data: json.RawMessage(`{"usage":42.13,"cores":8,"processes":312}`)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Event("web-1", testTime); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendFrame is what the hub does once per event.
func BenchmarkAppendFrame(b *testing.B) {
	e, err := (&Draft{Type: "metrics:cpu", Data: bytes.Clone(benchPayloads["metrics"][0].Data)}).Event("web-1", testTime)
	if err != nil {
		b.Fatal(err)
	}
	e.ID = ID{0x7f3a1c09, 658512}
	var wire []byte
	b.ReportAllocs()
	for b.Loop() {
		wire = AppendFrame(wire[:0], e)
	}
}
