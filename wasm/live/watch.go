package live

import (
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// Watcher looks at the Model also while nobody looks at the page: for what is to be noticed from elsewhere.
type Watcher interface {
	// Watch is called as painters are, under the lock and with the local time: after every batch, and at least four times a second as
	// far as the browser lets a hidden page. Leads says that of all tabs of the browser it is this one that has the connection.
	Watch(m *model.Model, now time.Time, leads bool)
	// Awake reports whether a page that nobody has seen for long is to stay connected.
	Awake() bool
}

// watch has the watcher look. It is called with the lock held.
func (p *Program) watch(now time.Time) {
	if p.watcher != nil {
		p.watcher.Watch(p.model, now, p.tabs.Leads())
	}
}

// unseenLong lets go of the stream of a page that nobody has seen for long, unless the page is to say what comes over it.
func (p *Program) unseenLong(r *run) {
	if p.watcher == nil || !p.watcher.Awake() {
		p.leave(r)
	}
}

// Leads reports whether this tab is the one that has the connection. Where tabs can't find each other each has its own.
func (t *Tabs) Leads() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.leading || !t.browser.Shared()
}

// Leads is that of a tab without others.
func (alone) Leads() bool { return true }
