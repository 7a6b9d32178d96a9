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

  // A new version that is installed and waits is reported as an update through go-app's own hook.
  let registration;
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.ready.then((r) => {
      registration = r;
      const ready = () => {
        if (r.waiting && navigator.serviceWorker.controller && window.goappOnUpdate) window.goappOnUpdate();
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
    const state = log.scrollTop < -24 ? "away" : "back";
    if (state === (log.dataset.at || "back")) return;
    log.dataset.at = state;
    log.dispatchEvent(new CustomEvent("follow", { bubbles: true, detail: state }));
  }, { capture: true, passive: true });

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

  window.telltale = {
    theme: () => theme,
    // The next of system, dark, light; shown, remembered and returned.
    nextTheme() {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      try { localStorage.setItem("telltale.theme", theme); } catch { /* not remembered, that is all */ }
      show(theme);
      return theme;
    },
    // Whether another version is installed and waits.
    waiting: () => !!(registration && registration.waiting),
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
