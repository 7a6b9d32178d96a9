package feed_test

import (
	"testing"
	"time"

	"github.com/mcp-cloud/telltale/shared/feed"
)

func TestAccountInWords(t *testing.T) {
	for _, tt := range []struct {
		a    feed.Account
		want string
	}{
		{feed.Account{}, "not connected yet; received 0"},
		{
			feed.Account{Since: time.Date(2026, 5, 12, 12, 4, 9, 0, time.Local), Received: 1204, Replayed: 1000, Repeated: 1, Skipped: 14, Reconnects: 2},
			"continuous since 12:04:09, 2 reconnects, 14 events skipped; received 1204, 1000 replayed, 1 repeat dropped",
		},
		{
			feed.Account{Since: time.Date(2026, 5, 12, 12, 4, 9, 0, time.Local), Received: 3, Reordered: 2, Bad: 1, Gaps: 1, Resets: 1, Reconnects: 1},
			"continuous since 12:04:09, 1 reconnect, 1 reset, 1 stretch lost; received 3, 2 put in order, 1 not understood",
		},
	} {
		equal(t, "account", tt.a.String(), tt.want)
	}
}
