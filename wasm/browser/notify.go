package browser

// Notice is one notification. One with the Tag of another that is still shown takes its place, without a sound.
type Notice struct {
	Tag, Title, Body string
	Path             string // of the page that a click on it opens
}

// What Alerts.Permission says.
const (
	PermissionNone    = ""        // this browser has no notifications, or none for this page
	PermissionDefault = "default" // nobody has been asked, or nobody answered
	PermissionGranted = "granted"
	PermissionDenied  = "denied"
)
