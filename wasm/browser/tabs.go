package browser

// Note is what one tab tells the others.
type Note struct {
	Kind    string
	From    string // the tab
	To      string // the tab it is for; "" for all
	Session string
	Place   string
	Seen    bool
	Data    []byte
}
