package app

// Handler serves an app over HTTP. Nothing is served from within a browser: this one has its name only.
type Handler struct{}

// Icon names the pictures of an app. A browser takes them from the manifest.
type Icon struct{ Default, Large, SVG, Maskable string }
