// The lights in the head, and the banners of a page that is cut off or logged out.

import { $, text } from "./dom.js";
import { renderStanding } from "./standing.js";
import { timeOfDay, word } from "./words.js";

const lost = { recording: false, links: { alarm: false, telemetry: false }, stream: false };

export class Health {
  constructor() {
    this.state = lost;
    this.stale = false;
    this.out = false;
    this.heardWall = Date.now();
  }

  // Whether the desk is heard.
  get live() {
    return this.state.stream;
  }

  beat(state) {
    this.state = { ...state, stream: true };
    this.stale = false;
    this.out = false;
    this.render();
  }

  silence(stale, heardWall) {
    this.state = { ...this.state, stream: !stale };
    this.stale = stale;
    this.heardWall = heardWall;
    this.render();
  }

  // The desk knows nobody here any more.
  loggedOut() {
    this.out = true;
    this.render();
  }

  render() {
    const { links, faults = {}, stream, recording, ledger_broken, sirens = {}, desks = {}, channels = {} } = this.state;
    const states = { stream, ledger: recording && !ledger_broken };
    for (const [lane, up] of Object.entries(links)) states[lane] = up && !faults[lane];
    for (const [name, good] of Object.entries(states)) {
      const item = $(`health-${name}`);
      if (item === null) continue;
      item.dataset.good = String(good);
      const state = word(good ? "health_good" : "health_bad", { name: word(`health_${name}`) });
      item.title = faults[name] ? `${state} (${faults[name]})` : state;
      text($(`health-${name}-state`), word(good ? "health_state_good" : "health_state_bad"));
    }
    const mute = Object.entries(sirens).map(([box, words]) =>
      box === "desk" ? `${word("sirens_no_key")} (${words})` : `${box}: ${words === "no answer" ? word("sirens_no_answer") : words}`
    );
    $("sirens").hidden = mute.length === 0 || this.stale || this.out;
    text($("sirens-text"), mute.join("; "));
    $("desks").hidden = Object.keys(desks).length === 0 || this.stale || this.out;
    text($("desks-text"), Object.entries(desks).map(([name, words]) => `${name}: ${words}`).join("; "));
    renderStanding(this.state, !this.stale && !this.out);
    const down = Object.keys(channels).map((name) => word("channel_bad", { name }));
    $("to-upcoming").dataset.good = String(down.length === 0);
    $("to-upcoming").title = down.join("; ");
    $("out").hidden = !this.out;
    $("stale").hidden = !this.stale || this.out;
    document.body.dataset.stale = String(this.stale);
    text($("stale-text"), word("stale_text", { time: timeOfDay(this.heardWall) }));
    text($("out-text"), word("out_text", { time: timeOfDay(this.heardWall) }));
  }
}
