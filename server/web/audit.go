package web

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"

	"github.com/mcp-cloud/telltale/server/auth"
	"github.com/mcp-cloud/telltale/server/limit"
)

// audit writes down who signed in, who was turned away and who ended whose access. Its lines have the user, the address and the
// token's id, never a token. They go to a log that is not published: not everybody who may see this machine may know who else does.
type audit struct {
	log *slog.Logger
	// told holds the refusals of one address to a few at once and one in ten seconds: who knocks all day must not fill a disk.
	told *limit.Rates

	mu      sync.Mutex // guards what follows
	refusal map[string]int64
	silent  int64 // refusals not told since the last that was
}

func newAudit(log *slog.Logger) *audit {
	return &audit{log: log, told: limit.NewRates(limit.Rate{PerSecond: 0.1, Burst: 5}, 0), refusal: make(map[string]int64)}
}

// did writes a line of what somebody did; attrs are further ones in slog's way.
func (a *audit) did(r *http.Request, what string, grant *auth.Grant, attrs ...any) {
	a.log.Info("audit", append([]any{"action", what, "user", grant.User, "address", addrText(visitOf(r).addr), "jti", grant.TokenID}, attrs...)...)
}

// refused counts a refusal, and writes a line of it unless its address has had many.
func (a *audit) refused(r *http.Request, err error) {
	e, ok := errors.AsType[*auth.Refusal](err)
	if !ok {
		return
	}
	v := visitOf(r)
	address := addrText(v.addr)
	_, tell := a.told.Allow(limit.PrefixOf(v.addr).String(), 1)
	a.mu.Lock()
	a.refusal[string(e.Code)]++
	silent := a.silent
	if tell {
		a.silent = 0
	} else {
		a.silent++
	}
	a.mu.Unlock()
	if !tell || e.Code == auth.Missing { // who brings nothing has not been turned away but asked in
		return
	}
	attrs := []any{"action", "refused", "code", string(e.Code), "address", address, "method", r.Method, "route", routeOf(r), "by", v.by}
	if v.grant != nil {
		attrs = append(attrs, "user", v.grant.User, "jti", v.grant.TokenID)
	}
	if silent > 0 {
		attrs = append(attrs, "notTold", silent)
	}
	a.log.Info("audit", attrs...)
}

// refusals returns how many were refused, by code.
func (a *audit) refusals() map[string]int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make(map[string]int64, len(a.refusal))
	for code, n := range a.refusal {
		out[code] = n
	}
	return out
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
