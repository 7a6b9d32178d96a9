// Measures a page from within: frames, and how long after an event was due the frame came that shows it or something newer of
// its kind. It changes nothing on the page, so that a frame in which nothing happened costs nothing. Telltale writes to the page
// in animation frames and never between: what a frame shows is there to be read right after it. React writes between them: what
// a frame will show is there when it begins, and that is the time that counts, so that React is not charged for painting it.
(() => {
  const { began, rate, batches, cycle, line, cpu, inFrame } = window.probing;
  const due = (n) => began + (Math.floor(n / (rate / batches)) * 1000) / batches;
  const wall = () => performance.timeOrigin + performance.now();
  const shownLine = () => Number(/#(\d+)/.exec(line()?.textContent)?.[1] ?? -1);
  const shownRound = (near) => { // the three digits on screen belong to the round nearest to the newest line's
    const digits = Math.round(parseFloat(cpu()?.textContent) * 10);
    return Number.isNaN(digits) ? -1 : digits + 1000 * Math.round((near - digits) / 1000);
  };
  const tally = () => ({ count: 0, slots: new Array(60_000).fill(0) });
  let frames = 0, from = wall(), longest = 0, before = performance.now(), lines = tally(), samples = tally();
  const add = (t, ms) => { t.count++; t.slots[Math.min(Math.max(Math.round(ms), 0), t.slots.length - 1)]++; };
  const quantile = (q, ...tallies) => {
    let left = q * tallies.reduce((sum, t) => sum + t.count, 0);
    for (let ms = 0; ms < 60_000; ms++) if ((left -= tallies.reduce((sum, t) => sum + t.slots[ms], 0)) <= 0) return ms;
    return 60_000;
  };

  let atLine = shownLine(), atRound = -1;
  const look = () => {
    const now = wall(), n = shownLine(), r = shownRound(n / cycle);
    for (let i = atLine + 1; i <= n; i++) if (i % cycle > 3) add(lines, now - due(i));
    for (let i = atRound + 1; i <= r && atRound >= 0; i++) add(samples, now - due(i * cycle));
    atLine = Math.max(n, atLine);
    atRound = Math.max(r, atRound);
  };
  const after = new MessageChannel();
  after.port1.onmessage = look;
  requestAnimationFrame(function next(now) {
    frames++;
    longest = Math.max(longest, now - before);
    before = now;
    if (inFrame) after.port2.postMessage(null);
    else look();
    requestAnimationFrame(next);
  });

  window.probe = {
    begin() { frames = 0; longest = 0; from = wall(); lines = tally(); samples = tally(); },
    end: () => ({
      seconds: (wall() - from) / 1000, frames, longest, line: atLine, lines: lines.count, samples: samples.count,
      p50: quantile(0.5, lines, samples), p99: quantile(0.99, lines, samples), p99Lines: quantile(0.99, lines), p99Samples: quantile(0.99, samples),
    }),
  };
})();
