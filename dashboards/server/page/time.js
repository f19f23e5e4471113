// The server's clock: a screen's own may be wrong.

let offset = 0;

export function heardTime(nowMs) {
  offset = nowMs - Date.now();
}

export function now() {
  return Date.now() + offset;
}
