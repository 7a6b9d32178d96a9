package ui

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcp-cloud/telltale/wasm/browser"
	"github.com/mcp-cloud/telltale/wasm/model"
)

// Alerts is what a Watch needs of the browser; browser.Alerts is one.
type Alerts interface {
	Title(title string)
	Badge(n int)
	Focused() bool
	Permission() string
	Ask(answered func(permission string))
	Show(n browser.Notice)
	Close(tag string)
	Remembered(name string) (value string)
	Remember(name, value string)
}

const (
	// watchEvery is how often title and icon change at most.
	watchEvery = time.Second
	// lostFor is how long the link may be lost before the page's title says that it does not know any more: most interruptions are over
	// by then.
	lostFor = 10 * time.Second
	// chosenKey names what the reader chose, among what the browser remembers.
	chosenKey = "telltale.notify"
	// maxChosen bounds how many servers are remembered one by one; the choice made longest ago goes first.
	maxChosen = 200
)

// Watch has the browser show what is to be noticed while nobody looks at the page: how many servers are in trouble, in the title and
// on the app's icon; and for those who asked for it a notification of each turn for the worse, while the page is open.
//
// Of all tabs only the one that has the connection notifies, and that one not while it can be seen and has the focus: then the page itself says
// it. The choice is one for all tabs, and outlives them.
//
// The zero Watch, and a nil one, show nothing and take no choice. Its methods may be called by several goroutines.
type Watch struct {
	alerts Alerts

	mu sync.Mutex // guards what follows

	page   string // what the page is called
	sign   string // stands before that
	badge  int
	badged bool // the icon says so, as far as this page knows
	led    bool
	looked time.Time
	lost   time.Time // since when the count is not known; zero: it is, or never was
	known  bool      // the count has been known

	turned uint64
	begun  bool
	burst  burst

	granted bool   // the browser's permission is there
	text    string // the choice as it was remembered
	alone   bool   // the browser remembers nothing: the choice is this page's
	all     bool
	differ  []string // those of which the choice is another than that of all
	why     string   // what is to be said of the newest choice
	whyOf   string   // of which server; "" for all
	whySays bool
}

// NewWatch returns a Watch that begins when Program calls it.
func NewWatch(alerts Alerts) *Watch { return &Watch{alerts: alerts} }

func (w *Watch) off() bool { return w == nil || w.alerts == nil }

// Name says what the page is called now.
func (w *Watch) Name(title string) {
	if w.off() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.page, w.why, w.whySays = title, "", false
	w.load()
	w.alerts.Title(w.sign + w.page)
}

// Watch looks at the Model; see live.Watcher.
func (w *Watch) Watch(m *model.Model, now time.Time, leads bool) {
	if w.off() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	turns, n := m.TurnsSince(w.turned)
	if !w.begun || n < w.turned {
		turns, w.begun = nil, true
	}
	w.turned = n
	if leads && len(turns) > 0 {
		w.notify(turns, m.InTrouble(), now)
	}
	if leads != w.led {
		w.led, w.badged, w.looked = leads, false, time.Time{}
	}
	if now.Sub(w.looked).Abs() >= watchEvery {
		w.looked = now
		w.load()
		w.count(m, now)
	}
}

// count has title and icon say how many servers are in trouble: nothing of none, and that it is not known when it is not.
func (w *Watch) count(m *model.Model, now time.Time) {
	n := 0
	switch {
	case m.Complete && lit(&m.Link):
		n, w.known, w.lost = m.InTrouble(), true, time.Time{}
	case !w.known:
		return
	case w.lost.IsZero():
		w.lost = now
		return
	case now.Sub(w.lost) < lostFor:
		return
	default:
		n = -1
	}
	sign := ""
	if n > 0 {
		sign = "(" + strconv.Itoa(n) + ") "
	} else if n < 0 {
		sign = "(?) "
	}
	if sign != w.sign {
		w.sign = sign
		w.alerts.Title(w.sign + w.page)
	}
	if w.led && (n != w.badge || !w.badged) {
		w.badge, w.badged = n, true
		w.alerts.Badge(n)
	}
}

// notify tells of turns whoever asked to be told. Trouble is how many servers are in trouble now.
func (w *Watch) notify(turns []model.Turn, trouble int, now time.Time) {
	w.load()
	var wanted []model.Turn
	focused := w.alerts.Focused()
	for _, t := range turns {
		if t.What == model.TurnWell {
			w.alerts.Close(tagOf(t))
			if w.burst.well(t.Server) || trouble == 0 && len(w.burst.of) == 0 { // it may be that of the tab that had the connection before
				w.alerts.Close(burstTag)
			}
			wanted = slices.DeleteFunc(wanted, func(was model.Turn) bool { return tagOf(was) == tagOf(t) })
		} else if w.wants(t.Server) && !focused {
			wanted = append(wanted, t)
		}
	}
	if len(wanted) == 0 || !w.granted {
		return
	}
	show, over := w.burst.take(wanted, now)
	for _, tag := range over {
		w.alerts.Close(tag)
	}
	for _, n := range show {
		w.alerts.Show(n)
	}
}

// load reads the choice, which another tab may have changed, and whether the browser still permits it.
func (w *Watch) load() {
	w.granted = w.alerts.Permission() == browser.PermissionGranted
	text := w.alerts.Remembered(chosenKey)
	if text == w.text || w.alone {
		return
	}
	w.text = text
	all, list, _ := strings.Cut(text, "\n")
	w.all, w.differ = all == "all", nil
	if list != "" {
		w.differ = strings.Split(list, "\n")
		w.differ = w.differ[max(0, len(w.differ)-maxChosen):]
	}
}

// save remembers it.
func (w *Watch) save() {
	w.text = "none"
	if w.all {
		w.text = "all"
	}
	for _, id := range w.differ {
		w.text += "\n" + id
	}
	w.alerts.Remember(chosenKey, w.text)
	w.alone = w.alerts.Remembered(chosenKey) != w.text
}

func (w *Watch) wants(server string) bool { return w.all != slices.Contains(w.differ, server) }

// Wants reports whether the reader is told of a server, or with "" of all of which he has not chosen otherwise. Without the browser's
// permission he is not.
func (w *Watch) Wants(server string) bool {
	if w.off() {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if server == "" {
		return w.all && w.granted
	}
	return w.wants(server) && w.granted
}

// Awake reports whether there is anything of which the reader is to be told; see live.Watcher.
func (w *Watch) Awake() bool {
	if w.off() {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.load()
	return w.granted && (w.all || len(w.differ) > 0)
}

// What is said of a choice.
const (
	whyOn      = "You are told when it fails, goes offline unasked, or a deployment of it fails: while Telltale is open, and you are not looking at it."
	whyAllOn   = "You are told when a server fails, goes offline unasked, or a deployment fails: while Telltale is open, and you are not looking at it."
	whyDenied  = "This browser blocks notifications of this site. Allow them in its settings for this address, then press again."
	whyUnasked = "The browser was not allowed to notify you, so nothing was changed. Press again to be asked once more."
	whyNone    = "This browser has no notifications for this page: they need HTTPS, and on an iPhone or iPad the page on the Home Screen."
)

// Choose turns notifications of a server, or with "" of all, on or off. Only if need be it has the browser ask for permission, and so is
// for clicks. Changed is called once it is done, soon or much later.
func (w *Watch) Choose(server string, changed func()) {
	if w.off() {
		return
	}
	w.mu.Lock()
	w.load()
	w.mu.Unlock()
	if w.Wants(server) {
		w.set(server, false, "")
		changed()
		return
	}
	on := whyOn
	if server == "" {
		on = whyAllOn
	}
	answered := func(permission string) {
		switch permission {
		case browser.PermissionGranted:
			w.set(server, true, on)
		case browser.PermissionDenied:
			w.say(server, whyDenied)
		default:
			w.say(server, whyUnasked)
		}
		changed()
	}
	switch permission := w.alerts.Permission(); permission {
	case browser.PermissionNone:
		w.say(server, whyNone)
		changed()
	case browser.PermissionDefault:
		// The answer comes from outside of Go, where nothing may wait, and may come while somebody holds a lock. The goroutine ends by
		// itself: it waits for that lock, the Program's, and for nothing else.
		w.alerts.Ask(func(permission string) { go answered(permission) })
	default:
		answered(permission)
	}
}

func (w *Watch) say(server, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.whyOf, w.why, w.whySays = server, why, true
}

func (w *Watch) set(server string, on bool, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.load()
	w.whyOf, w.why, w.whySays = server, why, true
	if server == "" {
		w.all, w.differ = on, nil
	} else if at := slices.Index(w.differ, server); on == w.all && at >= 0 {
		w.differ = slices.Delete(w.differ, at, at+1)
	} else if on != w.all && at < 0 {
		w.differ = append(w.differ[max(0, len(w.differ)+1-maxChosen):], server)
	}
	w.save()
}

// Why returns what is to be said of the newest choice, if it was of that server, or with "" of all.
func (w *Watch) Why(server string) string {
	if w.off() {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.whySays || w.whyOf != server {
		return ""
	}
	return w.why
}

// bell is the button by which a reader asks to be told of a server, or with "" of all. Its words stay, so that what is read out is
// the button and whether it is pressed.
type bell struct{ pressed, why slot }

func (v *bell) draw(p *pen, w *Watch, server, key string) {
	p.raw(`<button type="button" class="chip bell" data-do="notify" data-of="`)
	p.text(server)
	p.raw(`" id="`)
	p.raw(key)
	p.raw(`" aria-describedby="`)
	p.raw(key)
	p.raw(`-why"`)
	p.attr(&v.pressed, key, "", "aria-pressed")
	p.b = strconv.AppendBool(p.b, w.Wants(server))
	p.shutAttr(&v.pressed, "aria-pressed")
	p.raw(`>` + bellIcon + `<span>`)
	if server == "" {
		p.raw(`Notify me of all trouble`)
	} else {
		p.raw(`Notify me`)
	}
	p.raw(`</span></button>`)
	p.open(&v.why, "span", "bell-why", key, "-why")
	p.put(w.Why(server))
	p.shut(&v.why, "span")
}

const bellIcon = `<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d="M3.5 11.5V7a4.5 4.5 0 0 1 9 0v4.5M2 11.5h12M6.5 14h3"/></svg>`
