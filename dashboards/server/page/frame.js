// A dashboard of Grafana, in kiosk mode, in a frame of our own origin. What is stale in it is said over it.

import { again, choices, get } from "./ask.js";
import { el } from "./dom.js";
import { enlarge } from "./enlarge.js";
import { clock } from "./format.js";
import { now } from "./time.js";
import { say } from "./words.js";

const HEALTH_MS = 5_000;

export class Frame {
  constructor(stage, state, one) {
    this.health = null;
    this.frame = document.createElement("iframe");
    this.frame.title = one.title;
    enlarge(this.frame);
    this.frame.src = address(state, one);
    this.veil = el("div", "veil");
    this.veil.hidden = true;
    stage.className = "framed";
    stage.append(this.frame, this.veil);
    // Grafana's maps do not show it themselves.
    if (state.attribution) stage.append(el("p", "attribution", state.attribution));
    this.stop = again(async () => {
      try {
        this.health = await get(`/api/health/${one.uid}`, choices(state));
      } catch {
        // The screen itself says when the server is cut off.
      }
      this.cover();
    }, HEALTH_MS);
  }

  // A frozen frame or a store that is gone leaves green values standing: they are covered.
  cover() {
    const health = this.health;
    const all = health && health.stale.length > 0 && health.newest_ms === null;
    let words = "";
    if (document.body.dataset.cut) words = say("none");
    else if (health?.no_answer_since_ms) words = say("no_store_since", { at: clock(health.no_answer_since_ms, now()) });
    else if (all) words = say("none");
    this.veil.hidden = !words;
    this.veil.textContent = words;
  }

  tick() {
    this.cover();
  }

  report() {
    return { data_age_s: this.health?.newest_ms ? (now() - this.health.newest_ms) / 1000 : null };
  }

  remove() {
    this.stop();
    this.frame.remove();
  }
}

function address(state, one) {
  const query = new URLSearchParams({ orgId: "1", theme: state.theme });
  if (state.range_s) query.set("from", `now-${state.range_s}s`);
  if (state.range_s) query.set("to", "now");
  if (state.device) query.set("var-device", state.device);
  if (state.sensor) query.set("var-sensor", state.sensor);
  return `/grafana/d/${one.uid}_${state.language}/wall?${query}&kiosk`;
}
