// The server's clock: a screen's own may be wrong, or be set while the page stands. So time goes on by the page's own
// count of milliseconds, `performance.now()`, which nobody sets.

let offset = Date.now() - performance.now();

export function heardTime(nowMs) {
  offset = nowMs - performance.now();
}

export function now() {
  return performance.now() + offset;
}

// What time it was at a moment of the page's own count.
export function at(moment) {
  return moment + offset;
}
