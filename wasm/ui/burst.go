package ui

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/wasm/browser"
	"github.com/mcp-cloud/telltale/wasm/model"
)

const (
	// burstSpan is the time within which burstMost notifications may come; when there are more they become one.
	burstSpan = 10 * time.Second
	burstMost = 3
	// burstTag is that of the one.
	burstTag = "telltale"
	// burstNames is how many servers it names.
	burstNames = 4
	// maxBurst bounds of how many servers the count is kept.
	maxBurst = 1000
)

// burst makes notifications of turns, and of many at a time one. It has no clock.
type burst struct {
	told []told   // within burstSpan, oldest first
	one  bool     // they have become one
	of   []string // the servers that the newest such one is of, and that have not come well since
}

type told struct {
	at          time.Time
	tag, server string
}

// take returns the notifications to show, and the tags of those that are over.
func (b *burst) take(turns []model.Turn, now time.Time) (show []browser.Notice, over []string) {
	if n := len(b.told); n > 0 && b.one && now.Sub(b.told[n-1].at) >= burstSpan {
		b.told, b.one = nil, false
	}
	if !b.one {
		b.told = slices.DeleteFunc(b.told, func(t told) bool { return now.Sub(t.at) >= burstSpan })
	}
	for _, t := range turns {
		show = append(show, noticeOf(t))
		b.told = slices.DeleteFunc(b.told, func(was told) bool { return was.tag == tagOf(t) })
		b.told = append(b.told, told{now, tagOf(t), t.Server})
	}
	b.told = b.told[max(0, len(b.told)-maxBurst):]
	if len(b.told) <= burstMost && !b.one {
		return show, nil
	}
	var servers []string
	for _, t := range slices.Backward(b.told) {
		if !b.one {
			over = append(over, t.tag)
		}
		if !slices.Contains(servers, t.server) {
			servers = append(servers, t.server)
		}
	}
	b.one, b.of = true, servers
	text := strconv.Itoa(len(servers)) + " servers are in trouble"
	if len(servers) == 1 {
		text = plainText(servers[0], 80) + " is in trouble"
	}
	body := ""
	for i, id := range servers {
		if i == burstNames {
			body += " and " + strconv.Itoa(len(servers)-i) + " more"
			break
		}
		if i > 0 {
			body += ", "
		}
		body += plainText(id, 40)
	}
	return []browser.Notice{{Tag: burstTag, Title: text, Body: body, Path: "/"}}, over
}

// well forgets a server that is well again, and reports whether it was the last one that the notification of many is of: that is over.
func (b *burst) well(server string) (over bool) {
	b.told = slices.DeleteFunc(b.told, func(t told) bool { return t.server == server })
	n := len(b.of)
	b.of = slices.DeleteFunc(b.of, func(s string) bool { return s == server })
	if n == 0 || len(b.of) > 0 {
		return false
	}
	b.one = false
	return true
}

// tagOf names the notification of a turn: the newest of a server's state takes the place of the one before.
func tagOf(t model.Turn) string {
	if t.What == model.TurnFailed {
		return "deployment " + t.Server
	}
	return "server " + t.Server
}

func noticeOf(t model.Turn) browser.Notice {
	n := browser.Notice{Tag: tagOf(t), Title: plainText(t.Server, 80), Body: plainText(firstLine(t.Reason), 200), Path: ServerPath(t.Server)}
	switch t.What {
	case model.TurnError:
		n.Title += ": error"
	case model.TurnOffline:
		n.Title += " went offline"
	case model.TurnFailed:
		n.Title += ": deployment failed"
		if t.Version != "" {
			n.Title = plainText(t.Server, 80) + ": deployment of " + plainText(t.Version, 40) + " failed"
		}
		if t.ID != "" {
			n.Path = DeploymentPath(t.Server, t.ID)
		}
	}
	return n
}

// plainText is a stranger's text as it may stand among ours: no longer than most bytes, and without what turns text around.
func plainText(s string, most int) string {
	s = unescape(string(AppendText(nil, s)))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
