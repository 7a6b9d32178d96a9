// What must happen before the app is there, and what only the page itself can do.
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

  const tellApp = (type, detail) => {
    const app = document.getElementById("app");
    if (app) app.dispatchEvent(new CustomEvent(type, { detail }));
  };

  // Who has come on three different days uses this, and is asked once whether to install it; a tab that is left open for long says nothing of
  // that. Who said no, to us or to the browser, is not asked again, nor is anybody of whom nothing can be remembered.
  const daysOfUse = 3;
  const useKey = "telltale.use";
  let prompt; // the browser's own offer, which only it can make
  function use(change) {
    try {
      let u = {};
      try { u = JSON.parse(localStorage.getItem(useKey)) || {}; } catch { /* not ours: begin anew */ }
      change(u);
      localStorage.setItem(useKey, JSON.stringify(u));
      return u;
    } catch { return { no: true }; }
  }
  function here() {
    const today = new Date().toDateString();
    const u = use((u) => {
      if (u.day === today) return;
      u.day = today;
      u.days = (u.days || 0) + 1;
    });
    return !u.no && u.days >= daysOfUse;
  }
  const offers = () => !!prompt && here();
  addEventListener("beforeinstallprompt", (event) => {
    event.stopImmediatePropagation(); // go-app's
    if (!here()) return; // the browser's offer stands, where it makes one by itself; and it has nothing to say of that in the console
    event.preventDefault();
    prompt = event;
    tellApp("install");
  });
  addEventListener("appinstalled", () => {
    prompt = undefined;
    use((u) => { u.no = true; });
    tellApp("install");
  });
  here();
  document.addEventListener("visibilitychange", () => { if (!document.hidden && here()) tellApp("install"); });

  // The count on the app's icon is taken away with the page that set it. A click on a notification comes by the service worker, see there.
  let badged = false;
  addEventListener("pagehide", () => {
    if (badged && navigator.clearAppBadge) navigator.clearAppBadge().catch(() => {});
    badged = false;
  });
  if ("serviceWorker" in navigator) navigator.serviceWorker.addEventListener("message", (event) => {
    if (event.data && event.data.type === "open") tellApp("open", event.data.path);
  });
  const icon = () => (document.querySelector('link[rel="apple-touch-icon"]') || document.querySelector('link[rel~="icon"]') || {}).href;
  const shown = new Map(); // notifications of this page itself, where there is no service worker
  // Chromium forgets a notification that is asked for while it is being shown, so one is shown or taken away at a time. It waits for the
  // notification's picture, which a server that is silent may keep it from for long: the next is not left out for that.
  let last = Promise.resolve();
  const inTurn = (f) => {
    last = last.then(() => Promise.race([f(), new Promise((enough) => setTimeout(enough, 5000))])).catch(() => {});
  };

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

  // A log is laid out from its end, so what opens in it moves what is above. The row that was opened stays where it is instead.
  const steady = (row) => {
    const log = row.closest("[data-follow]"), top = row.getBoundingClientRect().top;
    let frames = 0;
    const look = () => {
      if (!row.isConnected) return;
      const is = row.getBoundingClientRect(), box = log.getBoundingClientRect();
      if (++frames < 4) { // it is opened on one of the next
        if (is.top !== top) log.scrollTop += is.top - top;
        requestAnimationFrame(look);
      } else if (is.bottom > box.bottom) log.scrollTop += Math.min(is.bottom - box.bottom, is.top - box.top); // and can be read
    };
    requestAnimationFrame(look);
  };
  addEventListener("click", (event) => {
    const row = event.target.closest && !event.target.closest(".along, button, a") && event.target.closest("[data-follow] .r");
    if (row) steady(row);
  }, true);

  // Within a log the arrows go from line to line and Enter opens one; in a field that searches, Enter goes to the next match.
  // What else scrolls a page scrolls the log that has the focus.
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !event.target.closest) return;
    const tell = (detail) => event.target.dispatchEvent(new CustomEvent("follow", { bubbles: true, detail }));
    if (event.key === "Enter" && event.target.dataset.enter) return tell(event.target.dataset.enter + (event.shiftKey ? " down" : " up"));
    const log = event.target.closest("[data-follow]");
    const row = event.target.closest(".r");
    if (!log || event.target.closest("button, a")) return;
    if (event.key === "Enter" && row) {
      steady(row);
      return tell("open " + row.id);
    }
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    const up = event.key === "ArrowUp";
    const edge = log.getBoundingClientRect()[up ? "bottom" : "top"];
    const rows = [...log.querySelectorAll(".r")];
    const to = row ? (up ? row.previousElementSibling : row.nextElementSibling)
      : up ? rows.findLast((r) => r.getBoundingClientRect().bottom <= edge) : rows.find((r) => r.getBoundingClientRect().top >= edge);
    if (to) to.focus();
    event.preventDefault();
  });

  // A menu closes as others do: by Escape, which closes nothing else then, and by a click beside it.
  const closeMenu = (unless) => {
    const menu = document.querySelector(".menu[open]");
    if (!menu || menu.contains(unless)) return false;
    menu.open = false;
    return menu;
  };
  addEventListener("click", (event) => { closeMenu(event.target); }, true);
  addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && closeMenu();
    if (!menu) return;
    menu.querySelector("summary").focus();
    event.stopImmediatePropagation();
  });

  // Keys reach the app as "key" events on its root, wherever the focus is, but for keys that are text in a field.
  const keys = new Set(["/", "?", "j", "k", "p", "c", "Escape", "ArrowLeft", "ArrowRight", "Enter"]);
  addEventListener("keydown", (event) => {
    if (!keys.has(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target.closest && event.target.closest("input, textarea, select, [contenteditable]");
    if (field && event.key !== "Escape") return;
    if (field && field.type === "search" && field.value) { // Escape clears a search first, and then leaves it
      field.value = "";
      field.dispatchEvent(new InputEvent("input", { bubbles: true }));
      event.preventDefault();
      return;
    }
    if (field) field.blur();
    if (event.key === "/") event.preventDefault();
    const app = document.getElementById("app");
    if (app) app.dispatchEvent(new CustomEvent("key", { detail: event.key }));
  });

  // A browser leaves out the drawing of servers that are far out of sight, and says so of each. Of those it draws the ones in sight or
  // about to be are painted; the app is told in one word of all that changed together.
  let skips = "";
  function sight(of, seen) {
    if (!skips) setTimeout(() => {
      const app = document.getElementById("app");
      if (app) app.dispatchEvent(new CustomEvent("skips", { detail: skips }));
      skips = "";
    });
    skips += (seen ? "+" : "-") + of.id + " ";
  }
  let near;
  const observe = () => new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      sight(target, isIntersecting);
      if (!target.isConnected) near.unobserve(target);
    }
  }, { rootMargin: "80px" });
  addEventListener("contentvisibilityautostatechange", (event) => {
    const of = event.target;
    if (!of.parentElement || of.parentElement.id !== "cards") return;
    near ??= observe();
    if (event.skipped) {
      near.unobserve(of);
      sight(of, false);
    } else near.observe(of);
  }, true);

  // What is cut for want of room can be read in full by pointing at it.
  addEventListener("pointerover", (event) => {
    const cut = event.target.closest && event.target.closest(".cut");
    if (cut) cut.title = cut.scrollWidth > cut.clientWidth || cut.scrollHeight > cut.clientHeight ? cut.innerText : "";
  }, { passive: true });

  // A card and a row of the table are links as a whole: their texts lie above the link, so that they can be pointed at and marked.
  addEventListener("click", (event) => {
    const card = event.target.closest && event.target.closest("#cards > *");
    if (!card || event.target.closest("a, button") || !getSelection().isCollapsed) return;
    const { ctrlKey, metaKey, shiftKey } = event;
    card.querySelector("a").dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey, metaKey, shiftKey }));
  });

  // Back and Forward within a screen: go-app knows only of the addresses that it went to itself.
  addEventListener("popstate", () => {
    const app = document.getElementById("app");
    if (app) app.dispatchEvent(new CustomEvent("address"));
  });

  // Who goes Back comes to where he was: to the link that he followed from there, which stands where it stood. The browser alone comes no
  // further than what is drawn by then, and the app draws a long list bit by bit; what it has not drawn in three seconds is not there any more.
  const left = new Map(); // by address
  let comes, arriving;
  addEventListener("scroll", (event) => {
    if (event.target === document && !arriving) left.set(location.href, { y: scrollY });
  }, { passive: true });
  addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("#screen a[href]");
    if (link) left.set(location.href, { y: scrollY, link: link.getAttribute("href"), top: link.getBoundingClientRect().top, focus: event.isTrusted && event.detail === 0 });
  }, true);
  addEventListener("popstate", () => { comes = { at: location.href, ...left.get(location.href) }; });
  function arrive() {
    const to = comes && comes.at === location.href ? comes : {};
    comes = undefined;
    if (arriving) arriving.abort();
    scrollTo(0, 0);
    if (!to.y) return;
    const mine = arriving = new AbortController();
    const done = () => {
      mine.abort();
      if (arriving === mine) arriving = undefined;
    };
    for (const hand of ["wheel", "touchstart", "pointerdown", "keydown"]) addEventListener(hand, done, { passive: true, signal: mine.signal });
    const until = performance.now() + 3000;
    let still = 0;
    const look = () => {
      if (mine.signal.aborted) return;
      const link = to.link && document.querySelector(`#screen a[href="${CSS.escape(to.link)}"]`);
      const y = link ? scrollY + link.getBoundingClientRect().top - to.top : to.y;
      const far = Math.abs(y - scrollY) > 1;
      if (far) scrollTo(0, y);
      still = far || to.link && !link ? 0 : still + 1; // what comes into sight takes its own height, and moves what is below
      if (still < 10 && performance.now() < until) return requestAnimationFrame(look);
      if (link && to.focus) link.focus({ preventScroll: true });
      done();
    };
    requestAnimationFrame(look);
  }

  // Browsers refuse, some with an exception, who says another address many times in a short while, as a key that is held down has us do. Then
  // the newest of them is said a little later, unless the reader has gone elsewhere by then.
  let unsaid;
  function address(method, url) {
    clearTimeout(unsaid);
    try { history[method](null, "", url); } catch {
      const here = location.href;
      unsaid = setTimeout(() => { if (location.href === here) address(method, url); }, 1000);
    }
    left.set(location.href, { y: window.scrollY });
  }

  let asked; // the button that was used last
  addEventListener("click", (event) => { asked = event.target.closest && event.target.closest("button"); }, true);
  function copySelected(text) {
    const from = document.activeElement;
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "sr";
    document.body.append(field);
    field.select();
    let done = false;
    try { done = document.execCommand("copy"); } catch { /* nor that */ }
    field.remove();
    if (from) from.focus({ preventScroll: true });
    return done;
  }
  // For two seconds; a button that is painted anew meanwhile says at once what it said before.
  function told(button, words) {
    const say = document.getElementById("say");
    if (say) say.textContent = words;
    if (!button || button.dataset.was || !/^copy/.test(button.dataset.do || "")) return;
    button.dataset.was = button.textContent;
    button.textContent = words;
    setTimeout(() => {
      button.textContent = button.dataset.was;
      delete button.dataset.was;
    }, 2000);
  }

  // What is in the list of types is brought into sight within that alone: the page stays where it is.
  function reveal(it) {
    const box = it?.closest("#types");
    if (!box) return it?.scrollIntoView({ block: "nearest" });
    const r = it.getBoundingClientRect(), at = box.getBoundingClientRect();
    if (r.top < at.top || r.bottom > at.bottom) box.scrollTop += (r.top + r.bottom - at.top - at.bottom) / 2;
  }
  document.addEventListener("DOMContentLoaded", () => reveal(document.querySelector('#types [aria-current="page"]')));

  window.telltale = {
    address,
    // Goes to where a page that has just been come to begins, or on the way Back to where it was left.
    arrive,
    theme: () => theme,
    // The next of system, dark, light; shown, remembered and returned.
    nextTheme() {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      try { localStorage.setItem("telltale.theme", theme); } catch { /* not remembered, that is all */ }
      show(theme);
      return theme;
    },
    // Brings what is about to be painted into sight, if it is not.
    reveal: (selector) => requestAnimationFrame(() => requestAnimationFrame(() => reveal(document.querySelector(selector)))),
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
    // Whether the reader is to be asked to install the app, and what he answered.
    offers,
    install(yes) {
      const asked = prompt;
      prompt = undefined;
      if (!yes || !asked) return use((u) => { u.no = true; });
      asked.prompt();
      asked.userChoice.then((choice) => { if (choice.outcome !== "accepted") use((u) => { u.no = true; }); }, () => {});
    },
    // The count on the icon of an installed app: 0 takes it away, less is a mark without a number.
    badge(n) {
      badged = n !== 0;
      if (!navigator.setAppBadge) return;
      (n > 0 ? navigator.setAppBadge(n) : n < 0 ? navigator.setAppBadge() : navigator.clearAppBadge()).catch(() => {});
    },
    // A notification outlives the page that shows it where there is a service worker, and a click on it finds another.
    notify(tag, title, body, path) {
      const options = { tag, body, icon: icon(), badge: icon(), data: { path } };
      if (registration) return inTurn(() => registration.showNotification(title, options));
      try {
        const n = new Notification(title, options);
        shown.set(tag, n);
        n.onclose = () => { if (shown.get(tag) === n) shown.delete(tag); };
        n.onclick = () => {
          window.focus();
          n.close();
          tellApp("open", path);
        };
      } catch { /* a browser that has them of service workers only */ }
    },
    unnotify(tag) {
      if (registration) inTurn(async () => { for (const n of await registration.getNotifications({ tag })) n.close(); });
      const n = shown.get(tag);
      if (n) n.close();
    },
    // Copies, and says on the button that asked for it whether that was possible. Where the browser gives no page its clipboard, as on
    // plain http from another machine, a selection is copied.
    async copy(text) {
      const button = asked;
      let done = true;
      try { await navigator.clipboard.writeText(text); } catch { done = copySelected(text); }
      told(button, done ? "Copied" : "Not copied");
    },
  };
})();
