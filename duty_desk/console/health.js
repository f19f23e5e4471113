// The lights in the head, and the banner of a page that is cut off.

import { timeOfDay, word } from "./words.js";

const $ = (id) => document.getElementById(id);
const lost = { recording: false, links: { alarm: false, telemetry: false }, stream: false };

export class Health {
  constructor() {
    this.state = lost;
    this.stale = false;
    this.heardWall = Date.now();
  }

  // Whether the desk is heard.
  get live() {
    return this.state.stream;
  }

  beat(state) {
    this.state = { ...state, stream: true };
    this.stale = false;
    this.render();
  }

  silence(stale, heardWall) {
    this.state = { ...this.state, stream: !stale };
    this.stale = stale;
    this.heardWall = heardWall;
    this.render();
  }

  render() {
    const { links, faults = {}, stream, recording, ledger_broken } = this.state;
    const states = { stream, ledger: recording && !ledger_broken };
    for (const [lane, up] of Object.entries(links)) states[lane] = up && !faults[lane];
    for (const [name, good] of Object.entries(states)) {
      const item = $(`health-${name}`);
      item.dataset.good = String(good);
      const state = word(good ? "health_good" : "health_bad", { name: word(`health_${name}`) });
      item.title = faults[name] ? `${state} (${faults[name]})` : state;
      item.setAttribute("aria-label", item.title);
    }
    $("stale").hidden = !this.stale;
    $("stale-text").textContent = word("stale_text", { time: timeOfDay(this.heardWall) });
  }
}
