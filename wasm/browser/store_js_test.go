package browser

import (
	"context"
	"errors"
	"strings"
	"syscall/js"
	"testing"
	"time"
)

// indexedDB as the standard has it, as far as Keep and Kept use it: databases of versions, whose tables can be made only while one
// of a new version is opened. slow is after how many milliseconds a database is made.
const database = `
	const on = {version: 0, tables: new Map(), open: 0, opened: 0, slow: 0, wake() {}};
	const later = (f, ms) => setTimeout(f, ms);
	const request = (result, ms) => { const r = {}; later(() => { r.result = result(); r.onsuccess(); }, ms); return r; };
	on.indexedDB = {open(name, version) {
		const r = {};
		if (version < on.version) {
			later(() => { r.error = {name: "VersionError", message: "there is a newer one"}; r.onerror(); }, 1);
			return r;
		}
		let making = false;
		const db = {
			objectStoreNames: {contains: t => on.tables.has(t)},
			createObjectStore(t) {
				if (!making || on.tables.has(t)) throw new Error("InvalidStateError");
				on.tables.set(t, new Map());
			},
			transaction(t) {
				if (!on.tables.has(t)) throw new Error("NotFoundError");
				const table = on.tables.get(t);
				return {objectStore: () => ({put: (v, k) => request(() => { table.set(k, v) }, 1), get: k => request(() => table.get(k), 1)})};
			},
			close() { on.open--; on.wake(); },
		};
		later(() => {
			on.open++; on.opened++;
			r.result = db;
			if (version > on.version) {
				on.version = version;
				making = true;
				if (r.onupgradeneeded) r.onupgradeneeded();
				making = false;
			}
			r.onsuccess();
		}, version > on.version ? on.slow : 1);
		return r;
	}};
	return on`

// keeping has a browser with such databases for the length of a test.
func keeping(t *testing.T) js.Value {
	on := script(t, database)
	stub(t, "indexedDB", on.Get("indexedDB"))
	return on
}

// shutDown waits until no database is open any more.
func shutDown(t *testing.T, on js.Value) {
	t.Helper()
	closed := make(chan struct{}, 1)
	wake := funcOf(func(js.Value, []js.Value) any { closed <- struct{}{}; return nil })
	defer wake.Release()
	on.Set("wake", wake.Func)
	for on.Get("opened").Int() == 0 || on.Get("open").Int() > 0 {
		<-closed
	}
	on.Set("wake", script(t, `return () => {}`))
}

func keptAndRead(t *testing.T) {
	t.Helper()
	if err := Keep(t.Context(), "a", []byte("what is kept")); err != nil {
		t.Errorf("it can't be kept: %v", err)
	}
	if got, err := Kept(t.Context(), "a"); string(got) != "what is kept" || err != nil {
		t.Errorf("kept is %q, %v", got, err)
	}
	if got, err := Kept(t.Context(), "b"); got != nil || err != nil {
		t.Errorf("of what was never kept there is %q, %v", got, err)
	}
}

func TestKeep(t *testing.T) {
	held, on := Held(), keeping(t)
	keptAndRead(t)
	if n := on.Get("open").Int(); n != 0 || Held() != held {
		t.Errorf("%d databases are open, %d callbacks held", n, Held()-held)
	}
}

// A browser that makes its database only when nobody waits any more makes it whole, and it is closed.
func TestSlowToMakeTheDatabase(t *testing.T) {
	held, on := Held(), keeping(t)
	on.Set("slow", 50)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := Kept(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("it did not wait in vain: %v", err)
	}
	shutDown(t, on)
	keptAndRead(t)
	if n := on.Get("open").Int(); n != 0 || Held() != held {
		t.Errorf("%d databases are open, %d callbacks held", n, Held()-held)
	}
}

// A database of before may be without its table, or with it.
func TestDatabaseOfBefore(t *testing.T) {
	for _, tables := range []string{``, `"kept"`} {
		on := keeping(t)
		on.Set("version", 1)
		on.Set("tables", script(t, `return new Map([`+tables+`].map(t => [t, new Map()]))`))
		keptAndRead(t)
	}
}

// An app of before finds a database of a version it does not know: it is told so, and goes on without.
func TestDatabaseOfANewerApp(t *testing.T) {
	held, on := Held(), keeping(t)
	on.Set("version", storeVersion+1)
	if err := Keep(t.Context(), "a", []byte("x")); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("it was kept: %v", err)
	}
	if got, err := Kept(t.Context(), "a"); got != nil || err == nil {
		t.Errorf("kept is %q, %v", got, err)
	}
	if Held() != held {
		t.Errorf("%d callbacks are held", Held()-held)
	}
}
