package browser

import (
	"context"
	"errors"
	"syscall/js"
)

// The page keeps bytes in IndexedDB: one database, one table of them by name. An app of before, out of a cache, asks for version 1, is
// refused where there is a newer one, and so keeps nothing.
const (
	storeName    = "telltale"
	storeTable   = "kept"
	storeVersion = 2 // of a database of version 1 the table may be missing
)

// Keep stores the data under the name, in place of what was there. It returns when it is stored, or why it is not: the reader
// may have forbidden it, or there is no room.
func Keep(ctx context.Context, name string, data []byte) error {
	array := js.Global().Get("Uint8Array").New(len(data))
	js.CopyBytesToJS(array, data)
	_, err := inStore(ctx, "readwrite", func(table js.Value) js.Value { return table.Call("put", array, name) })
	return err
}

// Kept returns what Keep stored under the name, or nil.
func Kept(ctx context.Context, name string) ([]byte, error) {
	array, err := inStore(ctx, "readonly", func(table js.Value) js.Value { return table.Call("get", name) })
	if err != nil || array.Type() != js.TypeObject {
		return nil, err
	}
	data := make([]byte, array.Get("byteLength").Int())
	js.CopyBytesToGo(data, array)
	return data, nil
}

// inStore opens the store, asks of its table what ask does, and closes it.
func inStore(ctx context.Context, mode string, ask func(table js.Value) js.Value) (result js.Value, err error) {
	defer func() { // a JavaScript exception: storage is forbidden, or was closed
		switch e := recover().(type) {
		case nil:
		case js.Error:
			err = e
		case *js.ValueError:
			err = errors.New("browser: this browser has no IndexedDB")
		default:
			panic(e)
		}
	}()
	open := js.Global().Get("indexedDB").Call("open", storeName, storeVersion)
	upgrade := funcOf(func(js.Value, []js.Value) any {
		if db := open.Get("result"); !db.Get("objectStoreNames").Call("contains", storeTable).Bool() {
			db.Call("createObjectStore", storeTable)
		}
		return nil
	})
	open.Set("onupgradeneeded", upgrade.Func)
	// A browser may be slow to make its database. It is made whole all the same, and closed, though nobody waits for it any more.
	db, err := requested(ctx, open, func(db js.Value, late bool) {
		upgrade.Release()
		if late && db.Truthy() {
			db.Call("close")
		}
	})
	if err != nil {
		return js.Undefined(), err
	}
	defer db.Call("close")
	table := db.Call("transaction", storeTable, mode).Call("objectStore", storeTable)
	return requested(ctx, ask(table), func(js.Value, bool) {})
}

// requested waits for an IDBRequest. When the context ends first it waits no longer. Settled is called once the request has
// settled, with its result, which is undefined when it failed, and whether that was too late.
func requested(ctx context.Context, request js.Value, settled func(result js.Value, late bool)) (js.Value, error) {
	type answer struct {
		value js.Value
		err   error
	}
	answers := make(chan answer, 1)
	late := false
	var good, bad function
	settle := func(a answer) {
		answers <- a
		good.Release()
		bad.Release()
		settled(a.value, late)
	}
	good = funcOf(func(js.Value, []js.Value) any {
		settle(answer{value: request.Get("result")})
		return nil
	})
	bad = funcOf(func(js.Value, []js.Value) any {
		settle(answer{err: jsError(request.Get("error"))})
		return nil
	})
	request.Set("onsuccess", good.Func)
	request.Set("onerror", bad.Func)
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-answers: // it settled in the same instant
		return a.value, a.err
	default:
		late = true
		return js.Undefined(), ctx.Err()
	}
}
