// What must happen before the app is there, and the three things about this page that only the page itself can do.
// Loaded in the head and not deferred, so that the theme is right from the first paint.
(() => {
  const root = document.documentElement;
  const themes = ["system", "dark", "light"];

  function show(theme) {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    const panel = getComputedStyle(root).getPropertyValue("--panel").trim();
    const meta = document.querySelector('meta[name="theme-color"]');
    if (meta && panel.startsWith("#")) meta.content = panel;
  }

  // A reader who forbids storage still gets a theme, for as long as the page is open.
  function stored() {
    try {
      const theme = localStorage.getItem("telltale.theme");
      return themes.includes(theme) ? theme : "system";
    } catch { return "system"; }
  }
  let theme = stored();
  show(theme);

  // go-app writes how much has come into its label; the bar beside it follows.
  addEventListener("DOMContentLoaded", () => {
    const label = document.getElementById("app-wasm-loader-label");
    if (!label) return;
    new MutationObserver(() => {
      const percent = /(\d+)\s*%/.exec(label.textContent);
      if (percent) label.parentElement.style.setProperty("--loaded", percent[1] + "%");
    }).observe(label, { childList: true, characterData: true, subtree: true });
  });

  // Every tab of a browser shows what its reader may see. When he signs out in one of them, or another signs in, what the others show is not
  // for whoever sits here now; when he signs in again, they go on.
  const readerKey = "telltale.reader";
  const tellTabs = (user) => {
    try { localStorage.setItem(readerKey, JSON.stringify([user, Date.now()])); } catch { /* then each finds out by itself */ }
  };
  addEventListener("DOMContentLoaded", () => {
    const me = document.getElementById("me");
    if (!me) return;
    const user = JSON.parse(me.textContent).user || "";
    tellTabs(user);
    addEventListener("storage", (event) => {
      if (event.key !== readerKey || !event.newValue) return;
      const [who] = JSON.parse(event.newValue);
      const signIn = document.querySelector('#banner-to[href^="/signin"]');
      if (who === null) location.replace("/signin?out");
      else if (who !== user) location.reload();
      else if (signIn) document.getElementById("banner-do").click();
    });
  });
  addEventListener("submit", (event) => {
    if (new URL(event.target.action).pathname === "/signout") tellTabs(null);
  }, true);

  // go-app takes every link for one of its own pages. Signing in is the server's, and is told where to go on afterwards.
  addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('#app a[href^="/signin"]');
    if (!link) return;
    link.setAttribute("href", "/signin?next=" + encodeURIComponent(location.pathname + location.search));
    event.stopPropagation();
  }, true);

  // The browser's own offer to install the app stands: go-app would keep it back, and the browser complain of that.
  addEventListener("beforeinstallprompt", (event) => event.stopImmediatePropagation());

  // Pages are drawn by the server in the time zone of whom they are for, from the second visit on.
  try {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone) document.cookie = `zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=strict`;
  } catch { /* drawn in the server's own */ }

  // A new version that is installed and waits is told to the app, and by no means to the console: go-app's hook would.
  Object.defineProperty(window, "goappOnUpdate", { value() {} });
  let registration;
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.ready.then((r) => {
      registration = r;
      const ready = () => {
        const app = document.getElementById("app");
        if (r.waiting && navigator.serviceWorker.controller && app) app.dispatchEvent(new CustomEvent("update"));
      };
      const watch = (worker) => worker.addEventListener("statechange", ready);
      if (r.installing) watch(r.installing);
      r.addEventListener("updatefound", () => watch(r.installing));
      ready();
    });
  }

  // Scrolling does not bubble. A log that is laid out from its end stands at 0 when its newest line is in sight; that it was
  // left, and that it was come back to, is all anyone wants to know.
  addEventListener("scroll", (event) => {
    const log = event.target;
    if (!log.dataset || !("follow" in log.dataset)) return;
    const tell = (detail) => log.dispatchEvent(new CustomEvent("follow", { bubbles: true, detail }));
    const state = log.scrollTop < -24 ? "away" : "back";
    if (state !== (log.dataset.at || "back")) tell(log.dataset.at = state);
    // Only a part of a long log is drawn: where, in rows of 20 px, in steps that leave the reader well within it.
    const rows = Math.round(-log.scrollTop / 20);
    if (state === "away" && Math.abs(rows - (log.dataset.rows || 0)) >= 30) tell(`at ${log.dataset.rows = rows} ${Math.ceil(log.clientHeight / 20)}`);
    if (state === "back") log.dataset.rows = 0;
  }, { capture: true, passive: true });

  // Within a log the arrows go from line to line and Enter opens one; in a field that searches, Enter goes to the next match.
  // What else scrolls a page scrolls the log that has the focus.
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !event.target.closest) return;
    const tell = (detail) => event.target.dispatchEvent(new CustomEvent("follow", { bubbles: true, detail }));
    if (event.key === "Enter" && event.target.dataset.enter) return tell(event.target.dataset.enter + (event.shiftKey ? " down" : " up"));
    const log = event.target.closest("[data-follow]");
    const row = event.target.closest(".r");
    if (!log || event.target.closest("button, a")) return;
    if (event.key === "Enter" && row) return tell("open " + row.id);
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    const up = event.key === "ArrowUp";
    const edge = log.getBoundingClientRect()[up ? "bottom" : "top"];
    const rows = [...log.querySelectorAll(".r")];
    const to = row ? (up ? row.previousElementSibling : row.nextElementSibling)
      : up ? rows.findLast((r) => r.getBoundingClientRect().bottom <= edge) : rows.find((r) => r.getBoundingClientRect().top >= edge);
    if (to) to.focus();
    event.preventDefault();
  });

  // Keys reach the app as "key" events on its root, wherever the focus is, but for keys that are text in a field.
  const keys = new Set(["/", "j", "k", "p", "c", "Escape", "ArrowLeft", "ArrowRight"]);
  addEventListener("keydown", (event) => {
    if (!keys.has(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target.closest && event.target.closest("input, textarea, select, [contenteditable]");
    if (field && event.key !== "Escape") return;
    if (field) field.blur();
    if (event.key === "/") event.preventDefault();
    const app = document.getElementById("app");
    if (app) app.dispatchEvent(new CustomEvent("key", { detail: event.key }));
  });

  // Back and Forward within a screen: go-app knows only of the addresses that it went to itself.
  addEventListener("popstate", () => {
    const app = document.getElementById("app");
    if (app) app.dispatchEvent(new CustomEvent("address"));
  });

  window.telltale = {
    theme: () => theme,
    // The next of system, dark, light; shown, remembered and returned.
    nextTheme() {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      try { localStorage.setItem("telltale.theme", theme); } catch { /* not remembered, that is all */ }
      show(theme);
      return theme;
    },
    // Looks whether the server has another version of the app; if so it is installed, and waits.
    look: () => registration && registration.update().catch(() => {}),
    // Whether another version is installed and waits.
    waiting: () => !!(registration && registration.waiting && navigator.serviceWorker.controller),
    // Lets the waiting version take over, then loads the page anew at the same address.
    restart() {
      if (!registration || !registration.waiting) return location.reload();
      navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
      registration.waiting.postMessage({ type: "skipWaiting" });
    },
    // Resolves to nothing and never fails: an older browser, or a page without permission, copies by selection.
    copy(text) {
      if (navigator.clipboard) navigator.clipboard.writeText(text).catch(() => {});
    },
  };
})();
