// Telltale's service worker. It keeps the app's shell so that the page opens without a network, and touches nothing else:
// streams and the API never pass through it (Firefox cuts a stream that a worker answers).
//
// The two placeholders are filled in by go-app: the version of the build, and the list of the shell's files.
const version = "{{.Version}}";
const listed = {{.ResourcesToCache}};

const cacheName = "telltale-" + version;
const page = "/";

// go-app resolves "/" to "" behind an empty prefix. Addresses are compared as paths, so that an absolute and a relative
// spelling of one file are one entry; what another origin serves is not the shell.
const shell = new Set([page, ...listed
  .map((u) => new URL(u || page, self.location.origin))
  .filter((u) => u.origin === self.location.origin)
  .map((u) => u.pathname + u.search)]);

// All of the shell or nothing: a worker that could not fetch every file is not installed, and the one before it stays.
// "no-cache" asks the server whether the copy the page has just loaded is still good, and does not load it twice. Who is not signed
// in is sent to sign in, and that page is no part of the shell.
self.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(cacheName).then((cache) =>
      cache.addAll([...shell].map((u) => new Request(u, { cache: "no-cache", redirect: "error" })))));
});

// A new worker waits until every page of the old one is closed, or until a reader asks for it (see "message"): nobody is
// reloaded while reading. The first one leaves the page it was installed by alone, which has all it needs; it answers from
// the next navigation on.
self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const key of await caches.keys()) {
      if (key !== cacheName) await caches.delete(key);
    }
  })());
});

self.addEventListener("message", (event) => {
  if (event.data && event.data.type === "skipWaiting") event.waitUntil(self.skipWaiting());
});

// A click on a notification leads to what it is of, in a page that is open if there is one: see boot.js. Only that page may change its
// address: loading it anew would take from it what it has seen.
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const path = (event.notification.data && event.notification.data.path) || page;
  event.waitUntil((async () => {
    const open = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const client = open.find((c) => c.focused) || open.find((c) => c.visibilityState === "visible") || open[0];
    if (!client) return self.clients.openWindow(path);
    client.postMessage({ type: "open", path });
    return client.focus();
  })());
});

// These are nothing without a server, and never kept.
const apart = new Set(["/healthz", "/readyz", "/signin", "/signout"]);

self.addEventListener("fetch", (event) => {
  const request = event.request;
  if (request.method !== "GET") return;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return;
  if (url.pathname.startsWith("/api/") || apart.has(url.pathname)) return;

  if (request.mode === "navigate") {
    event.respondWith(navigate(event, url));
  } else if (shell.has(url.pathname + url.search)) {
    event.respondWith(fromShell(request));
  }
});

// How long, in milliseconds, a page waits for an answer before it is shown without one: a network may swallow all that is sent, and take
// minutes to say so.
const patience = 4000;

// A page comes from the network when there is one, since it carries the current picture. Without one, or with one that is silent, or
// when what answers is a proxy in front of a server that is down, the page is shown as it was last seen, and one that never was shows
// the start page: the app reads the route itself, and knows a newer picture if there is one.
async function navigate(event, url) {
  let timer;
  const silence = new Promise((resolve) => { timer = setTimeout(resolve, patience); });
  try {
    const asked = fetch(event.request);
    let response = await Promise.race([asked, silence]);
    if (!response) {
      const kept = await keptPage(url.pathname);
      if (kept) {
        asked.then((late) => late.body?.cancel()).catch(() => {}); // nobody reads it
        return kept;
      }
      response = await asked;
    }
    if (response.status < 500) {
      if (response.ok) event.waitUntil(keep(url.pathname, response.clone()));
      return response;
    }
    return (await keptPage(url.pathname)) || response;
  } catch (error) {
    const kept = await keptPage(url.pathname);
    if (kept) return kept;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function keptPage(path) {
  const cache = await caches.open(cacheName);
  return (await cache.match(path)) || cache.match(page);
}

// Of the pages that are kept beside the shell, the oldest go first.
const maxPages = 20;

async function keep(path, response) {
  const cache = await caches.open(cacheName);
  await cache.put(path, response);
  const others = (await cache.keys()).filter((r) => !shell.has(new URL(r.url).pathname + new URL(r.url).search));
  for (const r of others.slice(0, -maxPages)) await cache.delete(r);
}

async function fromShell(request) {
  const cache = await caches.open(cacheName);
  return (await cache.match(request)) || fetch(request);
}
