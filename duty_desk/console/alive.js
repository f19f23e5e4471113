// Every few seconds this page tells the desk that it lives, whether it can be heard, and what it has taken in.

import { post } from "./api.js";
import { PAGE } from "./stream.js";

const BETWEEN_MS = 2500;
const EVERY_MS = 5000;

export class Alive {
  // `state` gives { sound, revision }; `unknown` is called when the desk has no stream of this page.
  constructor(state, unknown) {
    this.state = state;
    this.unknown = unknown;
    this.toldAt = -Infinity;
    setInterval(() => this.tell(EVERY_MS), EVERY_MS);
    document.addEventListener("visibilitychange", () => this.tell());
  }

  // At each beat of the stream too, which a page behind others gets on time where its own timers are held back.
  beat() {
    this.tell(BETWEEN_MS);
  }

  async tell(between_ms = 0) {
    if (performance.now() - this.toldAt < between_ms) return;
    this.toldAt = performance.now();
    try {
      const body = { page: PAGE, visible: !document.hidden, ...this.state() };
      const { stream } = await post("/api/screens/alive", body);
      if (stream === false) this.unknown();
    } catch {
      // The stream says what is wrong.
    }
  }
}
