package app

import "strings"

// clientResourceResolver returns what turns a path below /web/ into where it is served from.
func clientResourceResolver(from string) func(string) string {
	return func(location string) string {
		path, web := strings.CutPrefix(strings.Trim(location, "/"), "web")
		if !web || path != "" && path[0] != '/' {
			return location
		}
		return from + "/" + strings.TrimPrefix(path, "/")
	}
}
