package live

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// archive answers about the past, when it is told to.
type archive struct {
	mu     sync.Mutex // guards what follows
	asked  []string
	open   int // being answered now
	most   int
	cut    int // nobody waited for them
	status int
	fail   error

	answers chan struct{} // one for each answer; nil: at once
}

func (a *archive) call(ctx context.Context, method, url string) (int, []byte, error) {
	a.mu.Lock()
	a.asked = append(a.asked, method+" "+url)
	a.open++
	a.most = max(a.most, a.open)
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.open--
	}()
	if a.answers != nil {
		select {
		case <-a.answers:
		case <-ctx.Done():
			a.mu.Lock()
			defer a.mu.Unlock()
			a.cut++
			return 0, nil, ctx.Err()
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status, []byte(`{"from":0,"step":1000,"complete":5000,"fields":{"usage":{"min":[1],"mean":[1],"max":[1]}},"count":[1]}`), a.fail
}

func (a *archive) told() (asked string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { a.asked = nil }()
	return strings.Join(a.asked, "\n"), len(a.asked)
}

func period(n int64) model.Period {
	return model.Period{Server: "a b", Type: "metrics:cpu", From: 10_000 * n, To: 10_000*n + 5000, Step: 1000}
}

// follows runs a live Program over the archive for the length of a test.
func follows(t *testing.T, a *archive) *Program {
	src := &source{}
	p := New(src, Options{Cached: a.call})
	p.frames = func(draw func()) frames { return &screen{draw: draw} }
	detach := p.Attach(func(*model.Model, time.Time) {})
	t.Cleanup(func() {
		detach()
		p.Stop()
	})
	synctest.Wait()
	return p
}

func TestHistories(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &archive{status: 200}
		p := follows(t, a)
		p.Histories([]model.Period{period(0), period(1)})
		synctest.Wait()
		asked, n := a.told()
		if want := "GET /api/servers/a%20b/history?from=0&points=5&to=5000&type=metrics%3Acpu"; n != 2 || !strings.Contains(asked, want) {
			t.Errorf("asked\n%s\nwant\n%s\nand one more", asked, want)
		}
		p.View(func(m *model.Model, _ time.Time) {
			if h := m.Histories.Get(period(0)); h == nil || !h.Final {
				t.Errorf("got %+v, want what is over", h)
			}
		})
		// What goes on is asked for again as it does, what is over is not.
		time.Sleep(3*time.Minute + time.Second)
		synctest.Wait()
		if asked, n := a.told(); n != 3 || strings.Contains(asked, "from=0&") {
			t.Errorf("in three minutes asked %q", asked)
		}
		p.Histories(nil)
		time.Sleep(10 * time.Minute)
		if asked, _ := a.told(); asked != "" {
			t.Errorf("asked for what nobody wants: %q", asked)
		}
	})
}

func TestHistoriesFail(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		fail   error
		words  string
		again  int // times within two minutes
	}{
		{"no way there", 0, errors.New("net"), "the server can't be reached", 12},
		{"the server is in trouble", 500, nil, "the server could not answer", 12},
		{"too many ask", 429, nil, "the server could not answer", 12},
		{"signed out", 401, nil, "your session has ended", 12},
		{"not allowed", 403, nil, "you may not see that", 0},
		{"nothing there", 404, nil, "the record has none of it, or not for you", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &archive{status: c.status, fail: c.fail}
				p := follows(t, a)
				p.Histories([]model.Period{period(1)})
				synctest.Wait()
				p.View(func(m *model.Model, _ time.Time) {
					if h := m.Histories.Get(period(1)); h == nil || h.Failed != c.words {
						t.Errorf("got %+v, want %q", h, c.words)
					}
				})
				a.told()
				time.Sleep(2*time.Minute + time.Second)
				synctest.Wait()
				if _, n := a.told(); n != c.again {
					t.Errorf("asked again %d times, want %d", n, c.again)
				}
				a.mu.Lock()
				a.status, a.fail = 200, nil
				a.mu.Unlock()
				p.RetryHistories()
				synctest.Wait()
				p.View(func(m *model.Model, _ time.Time) {
					if h := m.Histories.Get(period(1)); h == nil || h.Failed != "" || h.Fields == nil {
						t.Errorf("asked to try again there is %+v", h)
					}
				})
			})
		})
	}
}

// However many are wanted, few are waited for, and none that are no longer.
func TestHistoriesAreBoundedAndCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &archive{status: 200, answers: make(chan struct{})}
		p := follows(t, a)
		var many []model.Period
		for i := range int64(20) {
			many = append(many, period(i))
		}
		p.Histories(many)
		synctest.Wait()
		if _, n := a.told(); n != maxPast {
			t.Errorf("%d are waited for at once, want %d", n, maxPast)
		}
		a.answers <- struct{}{}
		synctest.Wait()
		if _, n := a.told(); n != 1 {
			t.Errorf("after one answer %d more were asked for", n)
		}
		p.Histories(many[19:])
		synctest.Wait()
		if a.cut != maxPast {
			t.Errorf("%d of %d were cut off", a.cut, maxPast)
		}
		if asked, n := a.told(); n != 1 || !strings.Contains(asked, "from=190000&") {
			t.Errorf("then asked %q", asked)
		}
		p.View(func(m *model.Model, _ time.Time) {
			held := 0
			for _, of := range many {
				if h := m.Histories.Get(of); h != nil {
					held++
				}
			}
			if held != 1 {
				t.Errorf("%d are held, want the one that was answered: what was cut off is no failure", held)
			}
		})
	})
}

// A page that is not live asks for nothing, and for what it shows as soon as it is.
func TestHistoriesWaitForTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, src := &archive{status: 200}, &source{refuse: true}
		p := New(src, Options{Cached: a.call})
		p.frames = func(draw func()) frames { return &screen{draw: draw} }
		detach := p.Attach(func(*model.Model, time.Time) {})
		defer p.Stop()
		defer detach()
		p.Histories([]model.Period{period(0)})
		time.Sleep(time.Minute)
		if asked, _ := a.told(); asked != "" {
			t.Errorf("refused, the page asked %q", asked)
		}
		src.mu.Lock()
		src.refuse = false
		src.mu.Unlock()
		p.Retry()
		time.Sleep(time.Second)
		synctest.Wait()
		if _, n := a.told(); n != 1 {
			t.Errorf("live, it asked %d times", n)
		}
	})
}
