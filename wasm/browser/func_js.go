package browser

import "syscall/js"

// held counts the js.Funcs of this package that are not released. Callbacks run on JavaScript's one thread, and so does all
// Go that makes them.
var held int

// Held returns how many callbacks this package has given to JavaScript and not taken back: none when all it was asked for has
// ended.
func Held() int { return held }

// function is a js.Func that is counted.
type function struct {
	js.Func
}

func funcOf(f func(this js.Value, args []js.Value) any) function {
	held++
	return function{js.FuncOf(f)}
}

// Release must be called once.
func (f function) Release() {
	held--
	f.Func.Release()
}
