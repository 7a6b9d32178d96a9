package admin

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mcp-cloud/telltale/server/cluster"
	"github.com/mcp-cloud/telltale/server/hub"
	"github.com/mcp-cloud/telltale/server/journal"
	"github.com/mcp-cloud/telltale/server/pace"
	"github.com/mcp-cloud/telltale/server/stat"
	"github.com/mcp-cloud/telltale/server/stream"
	"github.com/mcp-cloud/telltale/server/web"
)

// metric is one metric and how it is had from what its part has counted.
type metric[S any] struct {
	name, help string
	labels     []string
	kind       prometheus.ValueType
	value      func(S) float64
	by         func(S) map[string]float64       // by the value of the one label
	histogram  func(S) (stat.Snapshot, float64) // with what its numbers are divided by
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

func count[S any](name, help string, value func(S) int64) metric[S] {
	return metric[S]{name: name, help: help, kind: counter, value: func(s S) float64 { return float64(value(s)) }}
}

func level[S any](name, help string, value func(S) int64) metric[S] {
	return metric[S]{name: name, help: help, kind: gauge, value: func(s S) float64 { return float64(value(s)) }}
}

func countBy[S any, K comparable](name, help, label string, text func(K) string, value func(S) map[K]int64) metric[S] {
	return metric[S]{name: name, help: help, kind: counter, labels: []string{label}, by: func(s S) map[string]float64 {
		out := make(map[string]float64)
		for k, n := range value(s) {
			out[text(k)] = float64(n)
		}
		return out
	}}
}

func spread[S any](name, help string, unit float64, value func(S) stat.Snapshot) metric[S] {
	return metric[S]{name: name, help: help, histogram: func(s S) (stat.Snapshot, float64) { return value(s), unit }}
}

const seconds = 1e9 // stat counts time in nanoseconds

func itself(s string) string { return s }

var streamMetrics = []metric[stream.Stats]{
	{name: "telltale_streams_open", help: "Streams open now. Detached ones are a socket; portable ones have a goroutine.", kind: gauge, labels: []string{"writer"},
		by: func(s stream.Stats) map[string]float64 {
			return map[string]float64{"detached": float64(s.Detached), "portable": float64(s.Open - s.Detached)}
		}},
	level("telltale_streams_pending", "Of these, how many have told their readers that the record is away.", func(s stream.Stats) int64 { return s.Pending }),
	count("telltale_streams_opened_total", "Streams opened.", func(s stream.Stats) int64 { return s.Opened }),
	countBy("telltale_streams_closed_total", "Streams ended, by reason: gone (the reader left), shutdown, maxAge, slow, notReady, failed, expired, revoked, ended, limit.", "reason", itself,
		func(s stream.Stats) map[string]int64 { return s.Closed }),
	count("telltale_stream_bytes_total", "Bytes given to the sockets of streams, compressed or not, without HTTP heads.", func(s stream.Stats) int64 { return s.Bytes }),
	count("telltale_stream_plain_bytes_total", "The same before compression.", func(s stream.Stats) int64 { return s.PlainBytes }),
	count("telltale_stream_writes_total", "Writes that gave them.", func(s stream.Stats) int64 { return s.Writes }),
	count("telltale_stream_full_total", "Times that the socket of a detached stream took no more.", func(s stream.Stats) int64 { return s.Full }),
	count("telltale_stream_thinned_total", "Times that a slow reader was thinned.", func(s stream.Stats) int64 { return s.Thinned }),
	count("telltale_stream_skipped_events_total", "Events left out for slow readers, each told in a stream:gap.", func(s stream.Stats) int64 { return s.Skipped }),
	count("telltale_stream_trimmed_total", "Gaps told that retention made.", func(s stream.Stats) int64 { return s.Trimmed }),
	count("telltale_stream_heartbeats_total", "Heartbeats sent.", func(s stream.Stats) int64 { return s.Beats }),
	count("telltale_stream_catchups_total", "Pages of the record read for streams that were behind.", func(s stream.Stats) int64 { return s.CaughtUp }),
	count("telltale_stream_resyncs_total", "Streams that began anew as the record did.", func(s stream.Stats) int64 { return s.Resynced }),
	spread("telltale_stream_delivery_seconds", "From when the hub had news for a detached stream that was up to date until its socket had them.", seconds,
		func(s stream.Stats) stat.Snapshot { return s.Delivery }),
	level("telltale_stream_lag_places", "By how many events of the record the slowest detached stream is behind.", func(s stream.Stats) int64 { return int64(min(s.Lag, 1<<62)) }),
}

var webMetrics = []metric[web.Stats]{
	countBy("telltale_streams_refused_total", "Streams refused, by HTTP status.", "status", strconv.Itoa, func(s web.Stats) map[int]int64 { return s.Streams }),
	countBy("telltale_access_refused_total", "Requests without a token or with one that is no good, by code: missing, expired, revoked, signature, scope, …", "code", itself,
		func(s web.Stats) map[string]int64 { return s.Access }),
	countBy("telltale_streams_over_limit_total", "Streams for which there was no place, by limit: user, address, all. They were answered as polls.", "limit", itself,
		func(s web.Stats) map[string]int64 { return s.Limit.Refused }),
	countBy("telltale_polls_refused_total", "Those that could not be answered as polls either.", "limit", itself, func(s web.Stats) map[string]int64 { return s.Limit.RefusedPolls }),
	count("telltale_requests_over_rate_total", "Requests, and streams opened, over the rate of their user.", func(s web.Stats) int64 { return s.Requests }),
	count("telltale_publishing_over_rate_total", "Publishing requests over the rate of their token.", func(s web.Stats) int64 { return s.Rate }),
	count("telltale_publishing_over_names_total", "Publishing requests with more servers not heard of lately than their user may bring.", func(s web.Stats) int64 { return s.Names }),
	count("telltale_publishing_over_picture_total", "Publishing requests with more latest states and samples of a server than the picture has room for.", func(s web.Stats) int64 { return s.Picture }),
	count("telltale_answers_crowded_total", "Answers and pages refused as others, or others of the same user, wait for their readers with as much as may be held at once.", func(s web.Stats) int64 { return s.Crowded }),
	count("telltale_leases_failed_total", "Times that the instances could not count the streams of users together, and this one went by its own count.", func(s web.Stats) int64 { return s.Limit.LeaseErrors }),
	level("telltale_users_streaming", "Users with at least one stream open, or a poll under way.", func(s web.Stats) int64 { return int64(s.Limit.Users) }),
	countBy("telltale_publishing_refused_total", "Publishing requests refused, by HTTP status.", "status", strconv.Itoa, func(s web.Stats) map[int]int64 { return s.Publishing }),
}

var hubMetrics = []metric[hub.Stats]{
	count("telltale_hub_events_total", "Events encoded and handed out, each once, whoever reads it.", func(s hub.Stats) int64 { return s.Events }),
	count("telltale_hub_bytes_total", "Their bytes in a stream. Plain bytes of streams, divided by the mean size that this gives, are about the events delivered.", func(s hub.Stats) int64 { return s.Bytes }),
}

var paceMetrics = []metric[pace.Stats]{
	count("telltale_published_events_total", "Events published and accepted, repeated ones included.", func(s pace.Stats) int64 { return int64(s.Accepted) }),
	count("telltale_pace_held_events_total", "Samples and states held back as they came too often.", func(s pace.Stats) int64 { return int64(s.Held) }),
	count("telltale_pace_released_events_total", "Of these, recorded later.", func(s pace.Stats) int64 { return int64(s.Released) }),
	count("telltale_pace_superseded_events_total", "Of these, samples that a newer one replaced.", func(s pace.Stats) int64 { return int64(s.Superseded) }),
	count("telltale_pace_flapped_events_total", "Of these, states that a later one replaced.", func(s pace.Stats) int64 { return int64(s.Flapped) }),
	level("telltale_pace_waiting_events", "Held now.", func(s pace.Stats) int64 { return int64(s.Waits) }),
}

var journalMetrics = []metric[journal.Stats]{
	count("telltale_journal_events_total", "Events recorded.", func(s journal.Stats) int64 { return s.Events }),
	count("telltale_journal_repeated_events_total", "Events that had been recorded before, by their publisher's id.", func(s journal.Stats) int64 { return s.Repeated }),
	count("telltale_journal_commits_failed_total", "Commits that failed: what they held was refused.", func(s journal.Stats) int64 { return s.Failed }),
	spread("telltale_journal_commit_seconds", "How long commits took, durable included.", seconds, func(s journal.Stats) stat.Snapshot { return s.Commit }),
	spread("telltale_journal_commit_events", "Events in one commit.", 1, func(s journal.Stats) stat.Snapshot { return s.Batch }),
	level("telltale_journal_bytes", "Bytes of events held, as retention counts them.", func(s journal.Stats) int64 { return s.Bytes }),
}

var awayMetrics = []metric[journal.Away]{
	{name: "telltale_record_away_seconds", help: "For how long the record, which lies in another process, can't be reached; 0: it can.", kind: gauge, value: func(a journal.Away) float64 {
		if a.IsZero() {
			return 0
		}
		return max(0, time.Since(a.Since).Seconds())
	}},
}

var clusterMetrics = []metric[cluster.Stats]{
	{name: "telltale_cluster_instances", help: "Instances that share the record, this one among them, by state: up, draining, ended (it said so), gone (not heard of for six seconds). Those that ended or are gone are counted for ten minutes.",
		kind: gauge, labels: []string{"state"}, by: func(s cluster.Stats) map[string]float64 {
			out := make(map[string]float64)
			for state, n := range s.Instances {
				out[string(state)] = float64(n)
			}
			return out
		}},
	{name: "telltale_cluster_list_age_seconds", help: "How old that is.", kind: gauge, value: func(s cluster.Stats) float64 { return s.Age.Seconds() }},
}

var redactMetrics = []metric[map[string]int64]{
	countBy("telltale_redacted_total", "Secrets taken out of what was published and of the server's own log, by kind.", "kind", itself, func(s map[string]int64) map[string]int64 { return s }),
}

// part is one package's metrics.
type part interface {
	describe(ch chan<- *prometheus.Desc)
	collect(ch chan<- prometheus.Metric)
}

type partOf[S any] struct {
	stats func() S
	list  []metric[S]
	descs []*prometheus.Desc
}

func newPart[S any](stats func() S, list []metric[S]) part {
	p := &partOf[S]{stats: stats, list: list}
	for _, m := range list {
		p.descs = append(p.descs, prometheus.NewDesc(m.name, m.help, m.labels, nil))
	}
	return p
}

func (p *partOf[S]) describe(ch chan<- *prometheus.Desc) {
	for _, d := range p.descs {
		ch <- d
	}
}

func (p *partOf[S]) collect(ch chan<- prometheus.Metric) {
	s := p.stats()
	for i, m := range p.list {
		switch {
		case m.histogram != nil:
			snapshot, unit := m.histogram(s)
			ch <- histogramMetric(p.descs[i], snapshot, unit)
		case m.by != nil:
			values := m.by(s)
			for _, label := range slices.Sorted(maps.Keys(values)) {
				ch <- prometheus.MustNewConstMetric(p.descs[i], m.kind, values[label], label)
			}
		default:
			ch <- prometheus.MustNewConstMetric(p.descs[i], m.kind, m.value(s))
		}
	}
}

// histogramMetric makes cumulative buckets of what stat counts apart.
func histogramMetric(d *prometheus.Desc, s stat.Snapshot, unit float64) prometheus.Metric {
	buckets := make(map[float64]uint64, len(s.Bounds))
	total := uint64(0)
	for i, n := range s.Counts {
		total += uint64(n)
		if i < len(s.Bounds) {
			buckets[float64(s.Bounds[i])/unit] = total
		}
	}
	return prometheus.MustNewConstHistogram(d, total, float64(s.Sum)/unit, buckets)
}

// collector asks the parts each time it is scraped.
type collector struct {
	parts []part
	info  prometheus.Metric
}

func newCollector(s Sources) *collector {
	d := prometheus.NewDesc("telltale_info", "The version that runs.", []string{"version"}, nil)
	c := &collector{info: prometheus.MustNewConstMetric(d, gauge, 1, s.Version)}
	if s.Streams != nil {
		c.parts = append(c.parts, newPart(s.Streams, streamMetrics))
	}
	if s.Web != nil {
		c.parts = append(c.parts, newPart(s.Web, webMetrics))
	}
	if s.Hub != nil {
		c.parts = append(c.parts, newPart(s.Hub, hubMetrics))
	}
	if s.Pace != nil {
		c.parts = append(c.parts, newPart(s.Pace, paceMetrics))
	}
	if s.Journal != nil {
		c.parts = append(c.parts, newPart(s.Journal, journalMetrics))
	}
	if s.Away != nil {
		c.parts = append(c.parts, newPart(s.Away, awayMetrics))
	}
	if s.Cluster != nil {
		c.parts = append(c.parts, newPart(s.Cluster, clusterMetrics))
	}
	if s.Redacted != nil {
		c.parts = append(c.parts, newPart(s.Redacted, redactMetrics))
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.info.Desc()
	for _, p := range c.parts {
		p.describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ch <- c.info
	for _, p := range c.parts {
		p.collect(ch)
	}
}
