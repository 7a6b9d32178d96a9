package live

import (
	"context"
	"net/url"
	"time"

	"github.com/mcp-cloud/telltale/wasm/model"
)

// deployPages bounds one reading of deployments: half a million events, and as many answers that pass over what is none.
const deployPages = 50

// readDeployments reads the deployments of all servers from the record: of so long back, or with 0 all there are.
func (p *Program) readDeployments(ctx context.Context, back time.Duration) {
	var (
		life  uint64
		since time.Time
	)
	p.tell(func(m *model.Model) {
		m.DeploymentsReading()
		life = m.Life
		if back > 0 {
			since = m.Now(time.Now()).Add(-back)
		}
	})
	q := url.Values{"types": {"deployment:*"}, "limit": {"10000"}}
	if !since.IsZero() {
		q.Set("from", since.UTC().Format(time.RFC3339))
	}
	events, _, err := p.readAll(ctx, q, deployPages)
	p.tell(func(m *model.Model) {
		switch {
		case m.Life != life: // what was read is of another record
		case err != nil:
			m.DeploymentsFailed()
		default:
			m.ReadDeployments(events, since)
		}
	})
}
