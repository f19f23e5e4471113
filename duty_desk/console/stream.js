// The stream of events from the desk, and the certainty that it lives: the desk speaks at least every 3 s.

import { loadSession } from "./session.js";

const STALE_MS = 8000;
const RETRY_MS = 1000;

export class Stream {
  // `screen` gives the name of this screen.
  constructor(handlers, screen) {
    this.handlers = handlers;
    this.screen = screen;
    this.heardAt = performance.now();
    this.heardWall = Date.now();
    this.stale = false;
    this.source = null;
    setInterval(() => this.check(), 500);
    this.open();
  }

  open() {
    this.source?.close();
    const source = new EventSource(`/api/events?${new URLSearchParams({ screen: this.screen() })}`);
    this.source = source;
    this.openedAt = performance.now();
    for (const name of ["snapshot", "incident", "reach", "beat"]) {
      source.addEventListener(name, (event) => {
        this.heardAt = performance.now();
        this.heardWall = Date.now();
        this.handlers[name](JSON.parse(event.data));
        if (this.stale) this.setStale(false);
      });
    }
    source.addEventListener("error", () => {
      // EventSource gives up for good on an HTTP error; we never do.
      if (source.readyState !== EventSource.CLOSED) return;
      // It does not tell which error: when the session is over, this leaves the page.
      loadSession().catch(() => {});
      setTimeout(() => this.source === source && this.open(), RETRY_MS);
    });
  }

  check() {
    if (performance.now() - this.heardAt < STALE_MS) return;
    if (!this.stale) this.setStale(true);
    if (performance.now() - this.openedAt > STALE_MS) this.open();
  }

  setStale(stale) {
    this.stale = stale;
    this.handlers.stale(stale, this.heardWall);
  }
}
