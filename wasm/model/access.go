package model

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/mcp-cloud/telltale/shared/event"
)

// Me says for whom the page is and what he may do, as GET /api/me has it.
type Me struct {
	Open    bool      `json:"open"`    // nobody is asked who he is
	User    string    `json:"user"`    // "" where that is so
	Scopes  []string  `json:"scopes"`  // of "subscribe", "publish", "admin"
	Fleet   string    `json:"fleet"`   // what the server's owner calls what he looks at; "": nothing
	Servers string    `json:"servers"` // what he may see, as a filter says it
	Types   string    `json:"types"`   // the same of types of events
	Expires time.Time `json:"expires"` // zero: never
	SignOut string    `json:"signOut"` // where to POST to in order to sign out; "": there is nothing to end
	Shared  bool      `json:"shared"`  // the record is one that several instances can share
	types   *event.Filter
}

// Sees reports whether events of a type are among what the reader may see. A nil Me is not known to be refused anything.
func (m *Me) Sees(typ string) bool {
	if m == nil || m.Open {
		return true
	}
	if m.types == nil {
		f, err := event.ParseFilter("", m.Types)
		if err != nil { // of a newer server
			f = event.Filter{}
		}
		m.types = &f
	}
	return m.types.MatchType(typ)
}

// SeesAny reports whether events of a category, "logs", may be among what the reader may see.
func (m *Me) SeesAny(category string) bool {
	if m.Sees(category + ":") { // by a pattern
		return true
	}
	for typ := range strings.SplitSeq(m.Types, ",") {
		if strings.HasPrefix(strings.TrimSpace(typ), category+":") {
			return true
		}
	}
	return false
}

// May reports whether the reader has the scope. A nil Me is not known to be refused anything.
func (m *Me) May(scope string) bool { return m == nil || m.Open || slices.Contains(m.Scopes, scope) }

// ReadMe reads what a page carries along of its reader; nil for what is none.
func ReadMe(b []byte) *Me {
	m := new(Me)
	if json.Unmarshal(b, m) != nil {
		return nil
	}
	return m
}

// SetMe folds in what the server says now of who reads this: until when that is may have changed, as he has signed in again in another tab,
// and what he may. Of somebody else it takes nothing: the page is not for him, and is loaded anew.
func (m *Model) SetMe(body []byte) {
	if me := ReadMe(body); me != nil && m.Me != nil && me.User == m.Me.User && me.Open == m.Me.Open {
		m.Me = me
		m.Rev++
		m.Shape++
	}
}

// Key is the same for those who may see the same as the same user. A nil Me is nobody.
func (m *Me) Key() string {
	if m == nil {
		return ""
	}
	return m.User + "\n" + m.Servers + "\n" + m.Types
}

// Question is what a page shows that only asking brings. Questions can be added up.
type Question uint8

const (
	AskSessions Question = 1 << iota // Model.Sessions
	AskCluster                       // Model.Cluster
)

// Session is one open stream of the reader, as GET /api/sessions has it.
type Session struct {
	ID, Address, Agent, Filter string
	Since                      time.Time
	Instance                   string // that has it; "": there is one alone
}

// Sessions are the reader's open streams, the oldest first.
type Sessions struct {
	List []Session `json:"sessions"`
	Max  int       `json:"max"` // how many he may have; 0: no bound
	// Message says what the list lacks, and why; "": it is whole.
	Message string `json:"message"`
	Asked
	Ending string    // the session that is being ended; "": none
	Ended  time.Time // when this page last asked to end one, local clock; zero: it did not
}

// Instance is one of those that share the record, as GET /api/cluster has it.
type Instance struct {
	ID      string
	Self    bool // it is the one that answered
	Version string
	Address string // "": it is not for this reader
	Since   time.Time
	State   string    // "up", "draining", "ended" or "gone"
	Gone    time.Time `json:"goneSince"` // of those ended and gone: when it was last heard of
	Streams *int      // nil, as what follows: not for this reader
	Events  *float64  `json:"eventsPerSecond"`
	Lag     *uint64   // events recorded and not handed out yet
}

// Cluster is who shares the record.
type Cluster struct {
	Record    string // "embedded" or "shared"
	Instances []Instance
	Asked
}

// Asked is how the answer to a question was had.
type Asked struct {
	At     time.Time `json:"-"` // it came, local clock; zero: none did yet
	Failed string    `json:"-"` // why the newest try brought none; "": it did
}

// SetSessions folds in an answer to AskSessions, or with failed that there is none.
func (m *Model) SetSessions(body []byte, failed string, at time.Time) {
	next := Sessions{Ending: m.Sessions.Ending, Ended: m.Sessions.Ended}
	if m.answer(&next, body, &failed); failed != "" {
		m.Sessions.Failed = failed
		return
	}
	next.Asked = Asked{At: at}
	m.Sessions = next
}

// SetCluster folds in an answer to AskCluster, or with failed that there is none.
func (m *Model) SetCluster(body []byte, failed string, at time.Time) {
	var next Cluster
	if m.answer(&next, body, &failed); failed != "" {
		m.Cluster.Failed = failed
		return
	}
	next.Asked = Asked{At: at}
	m.Cluster = next
}

func (m *Model) answer(to any, body []byte, failed *string) {
	m.Rev++
	if *failed == "" && json.Unmarshal(body, to) != nil {
		*failed = "the answer is not what was expected"
	}
}
