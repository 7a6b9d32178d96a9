package e2e

import (
	"context"
	"strings"
	"testing"

	permissions "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// outside has the page note what it says to the icon of the app and what became of its notifications, and believe that nobody looks at it
// when the test says so.
const outside = `window.badges = [];
	navigator.setAppBadge = (n) => { badges.push(n ?? "mark"); return Promise.resolve() };
	navigator.clearAppBadge = () => { badges.push(0); return Promise.resolve() };
	document.hasFocus = () => !window.away;
	window.notified = [];
	const show = ServiceWorkerRegistration.prototype.showNotification;
	ServiceWorkerRegistration.prototype.showNotification = function (title, ...rest) {
		const done = show.call(this, title, ...rest);
		done.then(() => notified.push(title), (e) => notified.push(String(e)));
		return done;
	};`

// offer is what Chromium does when an app can be installed; its user would answer as the test says.
const offer = `(() => { const e = new Event("beforeinstallprompt", {cancelable: true});
	e.prompt = () => { window.prompted = (window.prompted ?? 0) + 1; return Promise.resolve() };
	e.userChoice = Promise.resolve({outcome: "%OUTCOME%"});
	dispatchEvent(e); return e.defaultPrevented })()`

// What a page is beyond its window: the title and the icon count, notifications lead back, and installing is offered to who comes back,
// and to nobody twice.
func TestInstalled(t *testing.T) {
	t.Parallel()
	s := serve(t, "--no-host", "--debounce", "0")
	for _, id := range []string{"web-1", "web-2", "web-3"} {
		s.publish(id, `{"type":"server:online","data":{"version":"2.7.1"}}`)
	}
	b := open(t)
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: outside})
	b.visit(s.url + "/")
	b.live()

	// Trouble is counted where one looks who does not look at the page.
	titled := func(want string) {
		t.Helper()
		b.wait("the title "+want, `document.title === `+quote(want))
	}
	titled("Fleet · Telltale")
	s.publish("web-1", `{"type":"server:error","data":{"message":"disk full"}}`)
	titled("(1) Fleet · Telltale")
	s.publish("web-2", `{"type":"server:offline","data":{"reason":"heartbeats missed"}}`)
	titled("(2) Fleet · Telltale")
	eval[any](b, `document.querySelector('nav a[href="/deployments"]').click(); null`)
	titled("(2) Deployments · Telltale")
	s.publish("web-1", `{"type":"server:online","data":{}}`)
	s.publish("web-2", `{"type":"server:online","data":{}}`)
	titled("Deployments · Telltale")
	if got := eval[string](b, `badges.join()`); got != "0,1,2,0" && got != "1,2,0" {
		t.Errorf("the icon said %s", got)
	}

	// Who has come for the first time is asked nothing, nor who comes on a second day; who comes on a third is, once.
	banner := `!document.getElementById("install").classList.contains("off")`
	used := func(what string) {
		eval[any](b, `localStorage.setItem("telltale.use", '{"days": `+what+`, "day": "another"}'); null`)
	}
	try := func(outcome string) (kept bool) {
		return eval[bool](b, strings.Replace(offer, "%OUTCOME%", outcome, 1))
	}
	if eval[int](b, `JSON.parse(localStorage.getItem("telltale.use")).days`) != 1 || try("accepted") || eval[bool](b, banner) {
		t.Error("offered on the first day")
	}
	used("1")
	if try("accepted") || eval[bool](b, banner) {
		t.Error("offered on the second day")
	}
	used("2")
	try("dismissed")
	b.wait("the offer", banner)
	if text := b.text("#install"); !strings.Contains(text, "can be installed") {
		t.Errorf("the offer says %q", text)
	}
	no := `JSON.parse(localStorage.getItem("telltale.use")).no === true && !(` + banner + `)`
	eval[any](b, `document.querySelector("#install [data-do=install]").click(); null`)
	b.wait("the browser to be asked, and its no to be remembered", `prompted === 1 && `+no)
	if try("accepted") || eval[bool](b, banner) {
		t.Error("offered to who had refused")
	}
	used("2")
	try("accepted")
	b.wait("the offer", banner)
	eval[any](b, `document.querySelector("#install [data-do=not-install]").click(); null`)
	b.wait("a no to be remembered", no)
	eval[any](b, `Storage.prototype.getItem = Storage.prototype.setItem = () => { throw new DOMException("forbidden") }; null`)
	if try("accepted") || eval[bool](b, banner) {
		t.Error("offered to who can't be remembered")
	}

	// A notification of each turn for the worse, for who asked for it.
	eval[bool](b, `navigator.serviceWorker.ready.then(() => true)`)
	b.visit(s.url + "/servers/web-1")
	b.live()
	if eval[string](b, `document.getElementById("bell").ariaPressed`) != "false" {
		t.Error("notifications are on though nobody asked")
	}
	for _, permission := range []permissions.PermissionSetting{permissions.PermissionSettingDenied, permissions.PermissionSettingGranted} {
		permit(b, s.url, permission)
		eval[any](b, `document.getElementById("bell").click(); null`)
		if permission == permissions.PermissionSettingDenied {
			b.wait("why not", `document.getElementById("bell-why").innerText.includes("blocks notifications") && document.getElementById("bell").ariaPressed === "false"`)
		}
	}
	b.wait("the bell", `document.getElementById("bell").ariaPressed === "true"`)
	notifications := `navigator.serviceWorker.ready.then(r => r.getNotifications()).then(l => l.map(n => n.title + ": " + n.body).join())`
	s.publish("web-1", `{"type":"server:error","data":{"message":"seen by who looks"}}`)
	titled("(1) web-1 · Telltale")
	eval[any](b, `window.away = true; document.querySelector('nav a[href="/log"]').click(); null`)
	s.publish("web-2", `{"type":"server:error","data":{"message":"nobody asked"}}`)
	s.publish("web-1", `[{"type":"deployment:started","data":{"id":"d1","version":"2.8.0"}},{"type":"deployment:failed","data":{"id":"d1","error":"no room"}}]`)
	// Chromium forgets a notification that is asked for while it is being shown, so nobody asks before it is.
	b.wait("the notification to be shown", `notified.length > 0`)
	if got := eval[string](b, notifications); got != "web-1: deployment of 2.8.0 failed: no room" {
		t.Errorf("shown: %q, after %s", got, eval[string](b, `notified.join()`))
	}
	// Nor does the page: what is shown as another is taken away stays.
	eval[any](b, `notified = []; (async () => {
		for (let i = 0; i < 20; i++) {
			telltale.notify("more " + i, "more", "", "/");
			while (notified.length === i) {
				telltale.unnotify("none");
				await new Promise((then) => setTimeout(then));
			}
		}
	})(); null`)
	b.wait("twenty more", `notified.length === 20`)
	if got := eval[int](b, `navigator.serviceWorker.ready.then(r => r.getNotifications()).then(l => l.length)`); got != 21 {
		t.Errorf("%d notifications are left of 21", got)
	}
	eval[any](b, `for (let i = 0; i < 20; i++) telltale.unnotify("more " + i); null`)
	eventually(t, "them to go", func() (bool, string) {
		got := eval[string](b, notifications)
		return got == "web-1: deployment of 2.8.0 failed: no room", got
	})

	// A click on it finds the page that is open, and does not load it anew.
	eval[any](b, `window.notReloaded = true; null`)
	worker(b, s.url, `self.registration.getNotifications().then(list => { self.dispatchEvent(new NotificationEvent("notificationclick", {notification: list[0]})); return true })`)
	b.wait("the deployment's page", `location.pathname + location.search === "/servers/web-1?deployment=d1" && window.notReloaded`)
	eventually(t, "the notification to go", func() (bool, string) {
		got := eval[string](b, notifications)
		return got == "", got
	})
	b.quiet()
}

// permit sets whether the site may show notifications, as a user would in the browser's settings.
func permit(b *browser, site string, setting permissions.PermissionSetting) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	_, err := cdp.Call(ctx, chromedp.FromContext(b.ctx).Browser, permissions.SetPermission, permissions.SetPermissionParams{
		Permission: &permissions.PermissionDescriptor{Name: "notifications"}, Setting: setting, Origin: site})
	if err != nil {
		b.t.Fatal(err)
	}
}

// worker evaluates an expression in the site's service worker.
func worker(b *browser, site, js string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	all, err := chromedp.Targets(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, info := range all {
		if info.Type == "service_worker" && strings.HasPrefix(info.URL, site) {
			in, leave := chromedp.NewContext(ctx, chromedp.WithTargetID(info.TargetID), chromedp.WithDetachOnCancel())
			defer leave()
			if _, err := chromedp.Run(in, chromedp.Evaluate[bool](js, chromedp.EvalAwaitPromise)); err != nil {
				b.t.Fatal(err)
			}
			return
		}
	}
	b.t.Fatal("no service worker runs")
}
