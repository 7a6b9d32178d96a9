// After signing out: what the app kept in this browser is nobody else's to see. The answer's Clear-Site-Data does the same, but only over
// https and on this machine itself, and not in every browser.
(async () => {
  try { indexedDB.deleteDatabase("telltale"); } catch { /* nothing was kept */ }
  try {
    for (const key of await caches.keys()) await caches.delete(key);
  } catch { /* no caches here */ }
})();
