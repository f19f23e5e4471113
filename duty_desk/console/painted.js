// What this screen painted, and when: told to the desk, and kept for whoever measures.

const KEPT = 2000;
const waiting = [];
const told = new Set();
const channel = new MessageChannel();

// Read by benchmarks: { key, incident, date_ms, time_ms }, the latest last. date_ms is Date.now(), time_ms is
// performance.timeOrigin + performance.now(), both after the paint.
export const painted = [];
window.siagaPainted = painted;

let report = () => {};

export function onPainted(call) {
  report = call;
}

// Call right after the press `key` of `incident` was put into the page.
export function expectPaint(incident, key) {
  if (told.has(key)) return;
  told.add(key);
  if (told.size > KEPT) told.delete(told.values().next().value);
  waiting.push({ incident, key });
  // The frame callback runs before its paint, the message after it.
  if (waiting.length === 1) requestAnimationFrame(() => channel.port2.postMessage(null));
}

channel.port1.onmessage = () => {
  const date_ms = Date.now();
  const time_ms = performance.timeOrigin + performance.now();
  for (const { incident, key } of waiting.splice(0)) {
    performance.mark(`painted ${key}`);
    painted.push({ key, incident, date_ms, time_ms });
    if (painted.length > KEPT) painted.shift();
    report(incident, key, time_ms);
  }
};
