// A dashboard drawn by the screen itself, from the same definitions and the same committed questions.

import { again, choices, get } from "./ask.js";
import { el } from "./dom.js";
import { clock } from "./format.js";
import { at, now } from "./time.js";
import { say } from "./words.js";
import { bars } from "./draw/bars.js";
import { Lines } from "./draw/lines.js";
import { CityMap } from "./draw/map.js";
import { stat } from "./draw/stat.js";
import { states } from "./draw/states.js";
import { table } from "./draw/table.js";

const HEALTH_MS = 5_000;
const SENSOR = "siaga_sensor";
const [COLUMNS, ROWS, FEW] = [24, 27, 3];
const DRAWN = { stat, bars, states, table };

export class Board {
  constructor(stage, state, one) {
    this.stage = stage;
    this.state = state;
    this.uid = one.uid;
    this.health = null;
    this.panels = [];
    this.errors = 0;
    this.painted = performance.now();
    stage.className = "board";
    this.stops = [
      again(async () => {
        try {
          this.health = await get(`/api/health/${one.uid}`, choices(state));
        } catch {
          // The screen itself says when the server is cut off.
        }
      }, HEALTH_MS),
    ];
    this.removed = false;
    this.begin();
  }

  async begin() {
    let described = null;
    while (!described && !this.removed) {
      try {
        described = await get(`/api/dashboard/${this.uid}`, { language: this.state.language });
      } catch {
        await new Promise((done) => setTimeout(done, 1000));
      }
    }
    if (this.removed) return;
    this.panels = described.panels.map((panel) => new Place(this, panel));
    this.stage.append(...this.panels.map((place) => place.box));
    this.stops.push(again(() => this.refresh(), described.refresh_s * 1000));
  }

  async refresh() {
    await Promise.all(this.panels.map((place) => place.refresh()));
    if (this.uid === SENSOR) this.makeRoom();
    this.painted = performance.now();
  }

  // One sensor measures few of the quantities there are: those alone have the screen, if there are any.
  makeRoom() {
    const told = this.panels.filter(({ found }) => found?.questions.some(({ series }) => series.length > 0));
    const alone = told.length > 0 && told.length <= FEW;
    for (const place of this.panels) {
      const at = told.indexOf(place);
      place.box.hidden = alone && at < 0;
      place.stand(alone ? { x: 0, y: Math.floor((at * ROWS) / told.length), width: COLUMNS, height: Math.floor(ROWS / told.length) } : place.panel.cell);
    }
  }

  tick(cut) {
    for (const place of this.panels) place.age(cut);
  }

  report() {
    return {
      painted_ms: this.painted,
      panels: this.panels.length,
      errors: this.panels.filter((place) => place.failed).length,
      data_age_s: this.health?.newest_ms ? (now() - this.health.newest_ms) / 1000 : null,
      no_answer: Boolean(this.health?.no_answer_since_ms),
    };
  }

  remove() {
    this.removed = true;
    for (const stop of this.stops) stop();
    for (const place of this.panels) place.drawing?.remove?.();
  }
}

// One panel's place on the grid: title, drawing, and the veil over what is not new.
class Place {
  constructor(board, panel) {
    this.board = board;
    this.panel = panel;
    this.failed = false;
    this.asked = performance.now();
    this.body = el("div", "body", el("p", "wait", say("loading")));
    this.veil = el("p", "veil");
    this.veil.hidden = true;
    this.box = el("section", `panel ${panel.kind}`, el("h2", "", panel.title), this.body, this.veil);
    this.stand(panel.cell);
    this.box.dataset.key = panel.key;
    if (panel.kind === "lines") this.drawing = new Lines(this.body, panel);
    if (panel.kind === "map") this.drawing = new CityMap(this.body, panel);
    if (panel.kind === "text") this.body.replaceChildren(el("p", "", panel.text ?? ""));
  }

  stand({ x, y, width, height }) {
    this.box.style.gridColumn = `${x + 1} / span ${width}`;
    this.box.style.gridRow = `${y + 1} / span ${height}`;
  }

  async refresh() {
    if (!this.panel.asks) return;
    try {
      const found = await get(`/api/panel/${this.board.uid}/${this.panel.key}`, choices(this.board.state));
      this.failed = Boolean(found.no_answer);
      this.asked = performance.now();
      this.draw(found);
    } catch {
      this.failed = true;
    }
    this.age();
  }

  draw(found) {
    this.found = found;
    if (this.drawing) this.drawing.draw(found);
    else this.body.replaceChildren(...[DRAWN[this.panel.kind](this.panel, found, this.body)].flat());
  }

  // What is over the panel, if anything: an answer that is missing, then values that are old.
  age(cut = false) {
    const words = this.words(cut);
    this.veil.hidden = !words;
    this.veil.textContent = words;
    this.box.dataset.stale = words ? "true" : "";
  }

  words(cut) {
    const { found, panel } = this;
    if (cut || (this.failed && !found?.no_answer)) return say("no_server_since", { at: clock(at(this.asked), now()) });
    if (!found || !panel.asks) return "";
    if (found.no_answer) return say("no_store_since", { at: clock(found.no_answer.since_ms, now()) });
    if (found.absent) return say("not_in_inventory");
    if (!found.stale) return "";
    if (found.newest_ms) return say("none_since", { at: clock(found.newest_ms, now()) });
    if (panel.stale_s !== null || panel.expected) return say("none");
    return say("none_in_range");
  }
}
