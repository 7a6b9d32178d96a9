package e2e

import (
	"net/url"
	"strings"
	"testing"
)

// plainClient is all a page needs that knows nothing of this project: the platform guide's client, thirty lines, its URL
// with two question marks included.
const plainClient = `
  const serverId = %SERVER%, token = "none-yet";
  const seen = window.seen = { metrics: [], levels: [], messages: [], status: [], ids: [] };

  const url = "/api/servers/" + serverId + "/events?types=server:*,metrics:*,logs:*";
  const eventSource = window.eventSource = new EventSource(url + "?auth=" + token);

  const handleMetrics = (e) => {
    const data = JSON.parse(e.data);
    seen.metrics.push([data.type, data.value]);
    seen.ids.push(e.lastEventId);
  };
  eventSource.addEventListener("metrics:cpu", handleMetrics);
  eventSource.addEventListener("metrics:memory", handleMetrics);
  eventSource.addEventListener("metrics:network", handleMetrics);

  eventSource.addEventListener("logs:app", (e) => {
    const data = JSON.parse(e.data);
    seen.levels.push(data.level);
    seen.messages.push(data.message);
    seen.ids.push(e.lastEventId);
  });
  eventSource.addEventListener("server:online", (e) => {
    seen.status.push(JSON.parse(e.data).serverId);
    seen.ids.push(e.lastEventId);
  });
  eventSource.onmessage = (e) => { seen.unnamed = e.data };
`

// onOrigin runs the plain client on the server's origin: the page it is put in is one without the app.
func (b *browser) onOrigin(s *server, id string) {
	b.t.Helper()
	b.visit(s.url + "/healthz")
	eval[any](b, "{"+strings.Replace(plainClient, "%SERVER%", quote(id), 1)+"}; null")
}

func TestPlainEventSource(t *testing.T) {
	s, host, _ := machine(t)
	b := open(t)
	b.onOrigin(s, url.PathEscape(host))

	b.wait("metrics of each kind", `["cpu", "memory", "network"].every(k => seen.metrics.some(m => m[0] === k && typeof m[1] === "number" && m[1] >= 0))`)
	b.wait("this machine to be online", `seen.status.includes(`+quote(host)+`)`)
	s.publish(host, `{"type":"logs:app","data":{"level":"warn","message":"hello from curl"}}`)
	b.wait("the published line", `seen.levels[seen.messages.indexOf("hello from curl")] === "warn"`)
	if got := eval[bool](b, `seen.unnamed === undefined`); !got {
		t.Error("an event came without a name of its own")
	}
	b.quiet()
}

// The browser's own EventSource reconnects by itself and tells its last place: nothing is lost or seen twice.
func TestPlainEventSourceResumes(t *testing.T) {
	t.Parallel()
	for _, ending := range endings {
		t.Run(ending.name, func(t *testing.T) {
			s := serve(t, "--no-host")
			b := open(t)
			b.onOrigin(s, "web-1")
			b.wait("the stream to open", `eventSource.readyState === 1`)
			s.publish("web-1", lines(1, 20))
			b.wait("the first lines", `seen.messages.includes("line 20")`)

			ending.end(s)
			s.start()
			s.publish("web-1", lines(21, 40))
			b.wait("the lines it missed", `seen.messages.includes("line 40")`)
			sameList(t, "messages", eval[[]string](b, `seen.messages`), numbered(1, 40))
			sameList(t, "places", eval[[]string](b, `seen.ids`), ids(s.record("web-1", "logs:app")))
			b.quiet(cut...)
		})
	}
}
