package ui

import (
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// access is the page of who reads this and what he may, his open streams, and the instances where there are several.
type access struct{ who, count, lacks, list, instances slot }

func (v *access) title() string { return "Access" }

func (v *access) draw(p *pen, m *model.Model, now time.Time) {
	p.raw(`<div class="access"><h1>Access</h1><section class="panel" aria-labelledby="who-is"><div class="ph"><h2 id="who-is">Reader</h2></div>`)
	p.open(&v.who, "div", "who", "", "who")
	p.b = appendRights(p.b, m.Me, now)
	p.shut(&v.who, "div")
	p.raw(`</section><section class="panel" aria-labelledby="streams-are" id="streams" tabindex="-1"><div class="ph"><h2 id="streams-are">Open streams</h2>`)
	p.open(&v.count, "small", "", "", "streams-n")
	p.b = appendAsked(p.b, &m.Sessions.Asked, now)
	if n := len(m.Sessions.List); !m.Sessions.At.IsZero() {
		p.b = AppendCount(p.b, int64(n))
		if m.Sessions.Max > 0 {
			p.put(" of ")
			p.b = AppendCount(p.b, int64(m.Sessions.Max))
		}
	}
	p.shut(&v.count, "small")
	p.raw(`</div>`)
	p.open(&v.lacks, "p", "note", "", "streams-lack")
	p.b = AppendText(p.b, m.Sessions.Message)
	p.shut(&v.lacks, "p")
	p.open(&v.list, "ul", "streams", "", "streams-in")
	p.b = appendSessions(p.b, &m.Sessions, now)
	p.shut(&v.list, "ul")
	p.raw(`<p class="note">A page is one stream, however many tabs of a browser show it. A stream that is ended stays so until somebody there asks for it again.</p></section>`)
	p.open(&v.instances, "div", "", "", "instances")
	if len(m.Cluster.Instances) > 1 {
		p.b = appendInstances(p.b, &m.Cluster, now)
	}
	p.shut(&v.instances, "div")
	p.raw(`</div>`)
}

// appendMe appends in one sentence for whom the page is.
func appendMe(b []byte, me *model.Me, now time.Time) []byte {
	if me.Open {
		return add(b, "Open to everyone on this machine.")
	}
	b = add(b, "Signed in as <b>")
	b = AppendText(b, me.User)
	b = add(b, "</b>")
	if !me.Expires.IsZero() {
		b = add(b, ", until ")
		b = AppendWhen(b, me.Expires, now)
	}
	return append(b, '.')
}

// foot is the line at the foot of every page: for whom it is, and how to leave. Where the page does not say for whom, it has neither.
type foot struct {
	who slot
	of  *model.Me // who it was drawn for
}

func (f *foot) draw(p *pen, m *model.Model, now time.Time) {
	if !p.making() && (f.of == m.Me || f.of == nil) { // who was nobody stays so
		return
	}
	f.of = m.Me
	me := m.Me
	if me == nil {
		p.raw(keysButton)
		return
	}
	p.open(&f.who, "p", "", "", "foot-who")
	p.b = appendMe(p.b, me, now)
	p.shut(&f.who, "p")
	p.raw(`<a class="link" href="` + accessPath + `">Open streams</a>`)
	if me.Shared {
		p.raw(`<a class="link" href="` + clusterPath + `">Instances</a>`)
	}
	p.raw(keysButton)
	if p.making() {
		p.b = appendSignOut(p.b, me, "link")
	}
}

// appendSignOut appends the button that signs out, if there is a session to end. See boot.js for what else it does.
func appendSignOut(b []byte, me *model.Me, class string) []byte {
	if me.SignOut == "" {
		return b
	}
	b = add(b, `<form method="post" action="`)
	b = AppendText(b, me.SignOut)
	b = add(b, `"><button type="submit" class="`)
	b = add(b, class)
	return add(b, `">Sign out</button></form>`)
}

// appendRights appends who reads this, what he may, and until when.
func appendRights(b []byte, me *model.Me, now time.Time) []byte {
	if me == nil {
		return add(b, "<p>This page does not know for whom it is.</p>")
	}
	b = add(b, "<p>")
	b = appendMe(b, me, now)
	if me.Open {
		return add(b, ` Nobody is asked for a token: whoever reaches this server may see, publish and end everything. To change that, make a secret with `+
			`<code>telltale token --new-secret FILE</code> and start the server with <code>--jwt-secret-file FILE</code>.</p>`)
	}
	b = add(b, `</p><dl class="kv"><dt>May</dt><dd>`)
	b = AppendText(b, strings.Join(me.Scopes, ", "))
	b = add(b, `</dd><dt>Servers</dt><dd class="mono">`)
	b = AppendText(b, me.Servers)
	b = add(b, `</dd><dt>Types of events</dt><dd class="mono">`)
	b = AppendText(b, me.Types)
	b = add(b, `</dd></dl>`)
	return appendSignOut(b, me, "btn")
}

// appendAsked appends what the reader should know of an answer before he trusts it: nothing while it is good.
func appendAsked(b []byte, a *model.Asked, now time.Time) []byte {
	switch {
	case a.Failed != "":
		b = add(b, `<b class="c-warn">Not up to date</b>: `)
		b = AppendText(b, a.Failed)
		if !a.At.IsZero() {
			b = add(b, `; as of `)
			b = AppendWhen(b, a.At, now)
		}
		return add(b, ". ")
	case a.At.IsZero():
		return add(b, "Asking the server")
	}
	return b
}

// appendSessions appends the open streams, each with a button that ends it.
func appendSessions(b []byte, s *model.Sessions, now time.Time) []byte {
	for i := range s.List {
		x := &s.List[i]
		b = add(b, `<li><b>`)
		b = appendAgent(b, x.Agent)
		b = add(b, `</b><span>since `)
		b = AppendWhen(b, x.Since, now)
		if x.Address != "" {
			b = add(b, ` from `)
			b = AppendText(b, x.Address)
		}
		if x.Instance != "" {
			b = add(b, `, at instance `)
			b = AppendText(b, x.Instance)
		}
		b = add(b, `</span><span class="mono">`)
		b = AppendText(b, x.Filter)
		b = add(b, `</span><button type="button" class="btn" data-do="end-stream" data-of="`)
		b = AppendText(b, x.ID)
		b = add(b, `"`)
		if s.Ending == x.ID {
			b = add(b, ` disabled`)
		}
		b = add(b, `>End<i class="sr"> the stream of `)
		b = appendAgent(b, x.Agent)
		b = add(b, ` since `)
		b = AppendWhen(b, x.Since, now)
		b = add(b, `</i></button></li>`)
	}
	return b
}

// agents are what programs call themselves by, those first that also use the name of another.
var agents = [...]struct{ mark, name string }{
	{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Version/", "Safari"},
}

// systems are the same of what they run on.
var systems = [...]struct{ mark, name string }{
	{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
}

// maxAgent bounds the name of a program that is none of agents.
const maxAgent = 60

// appendAgent appends a User-Agent as people would say it: "Firefox 153 on Linux", "curl/8.5".
func appendAgent(b []byte, agent string) []byte {
	for _, a := range agents {
		_, rest, ok := strings.Cut(agent, a.mark)
		if !ok {
			continue
		}
		version, _, _ := strings.Cut(rest, ".")
		b = add(b, a.name+" ")
		b = AppendText(b, version[:min(len(version), 4)])
		for _, s := range systems {
			if strings.Contains(agent, s.mark) {
				return add(b, " on "+s.name)
			}
		}
		return b
	}
	if agent == "" {
		return add(b, "A program without a name")
	}
	name, _, _ := strings.Cut(agent, " ")
	return AppendText(b, name[:min(len(name), maxAgent)])
}
