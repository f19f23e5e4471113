// The stream of events from the desk, and the certainty that it lives: the desk speaks at least every 3 s. After a cut
// it goes on behind the last event it has.

import { loadSession } from "./session.js";

const STALE_MS = 8000;
const RETRY_MS = 1000;
const LOGGED_OUT_MS = 5000;
// Under which name the desk knows this page, as two may be called the same screen.
export const PAGE = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const NAMES = ["snapshot", "incident", "reach", "beat", "screens", "pages"];

export class Stream {
  // `screen` gives the name of this screen; `refused` is asked (async) whether the session is over when the desk refuses
  // the stream. Without it, a page whose session is over is left.
  constructor(handlers, screen, refused = leave) {
    this.handlers = handlers;
    this.screen = screen;
    this.refused = refused;
    this.heardAt = performance.now();
    this.heardWall = Date.now();
    this.stale = false;
    this.source = null;
    this.lastId = null;
    setInterval(() => this.check(), 500);
    this.open();
  }

  open() {
    this.source?.close();
    const query = new URLSearchParams({ screen: this.screen(), page: PAGE });
    if (this.lastId !== null) query.set("last_event_id", this.lastId);
    const source = new EventSource(`/api/events?${query}`);
    this.source = source;
    this.openedAt = performance.now();
    for (const name of NAMES) source.addEventListener(name, (event) => this.hear(source, name, event));
    source.addEventListener("error", () => this.fail(source));
  }

  hear(source, name, event) {
    if (source !== this.source) return;
    this.heardAt = performance.now();
    this.heardWall = Date.now();
    this.handlers[name]?.(JSON.parse(event.data));
    // Only what was taken in counts as had.
    this.lastId = event.lastEventId || this.lastId;
    if (this.stale) this.setStale(false);
  }

  // EventSource gives up for good on an HTTP error; we never do.
  async fail(source) {
    if (source.readyState !== EventSource.CLOSED || source !== this.source) return;
    const over = await this.refused();
    if (over) this.setStale(true);
    setTimeout(() => this.source === source && this.open(), over ? LOGGED_OUT_MS : RETRY_MS);
  }

  check() {
    if (performance.now() - this.heardAt < STALE_MS) return;
    if (!this.stale) this.setStale(true);
    if (performance.now() - this.openedAt > STALE_MS) this.open();
  }

  setStale(stale) {
    if (stale === this.stale) return;
    this.stale = stale;
    this.handlers.stale(stale, this.heardWall);
  }
}

async function leave() {
  await loadSession().catch(() => {});
  return false;
}
