//go:build !js

package browser

// Alerts outside of a browser is noticed by nobody.
type Alerts struct{}

func (Alerts) Title(string)                          {}
func (Alerts) Badge(int)                             {}
func (Alerts) Focused() bool                         { return false }
func (Alerts) Permission() string                    { return PermissionNone }
func (Alerts) Ask(answered func(permission string))  { answered(PermissionNone) }
func (Alerts) Show(Notice)                           {}
func (Alerts) Close(tag string)                      {}
func (Alerts) Remembered(name string) (value string) { return "" }
func (Alerts) Remember(name, value string)           {}
