// An incident on the whole screen: where, since when, who is near. Larger than anything else a wall shows.

import { again, get } from "./ask.js";
import { el, rem, svg } from "./dom.js";
import { MARKS, clock, lasted, marked, valued } from "./format.js";
import { Ground } from "./draw/ground.js";
import { boxAround, free } from "./draw/names.js";
import { now } from "./time.js";
import { say, spoken } from "./words.js";

const ASK_MS = 2_000;
const ROUND_DEG = 0.009;
const UNITS = { level_m: "m", pm2_5_ugm3: "ug/m3", temperature_c: "Cel" };
const STEPS = ["opened", "received", "accepted", "departed", "resolved", "ended"];

export class Incident {
  constructor(stage, state) {
    this.id = state.incident;
    this.health = null;
    this.known = null;
    this.removed = false;
    stage.className = "incident";
    this.map = el("div", "place-map");
    this.marks = svg("svg", { class: "marks" });
    this.map.append(this.marks);
    this.side = el("div", "side", el("p", "wait", say("loading")));
    this.drill = el("div", "drill-band");
    this.drill.hidden = true;
    stage.append(this.map, this.side, this.drill);
    this.stop = again(() => this.ask(), ASK_MS);
  }

  async ask() {
    try {
      this.known = await get(`/api/incident/${encodeURIComponent(this.id)}`, { language: spoken() });
    } catch {
      return;
    }
    // The screen was given back meanwhile: it is no drill's any more.
    if (this.removed) return;
    const { place, drill, no_answer } = this.known;
    this.health = { stale: [], silent: [], expected: 0, newest_ms: now(), no_answer_since_ms: no_answer?.since_ms ?? null };
    document.body.dataset.drill = drill ? "true" : "";
    this.drill.hidden = !drill;
    if (drill) this.drill.replaceChildren(...Array.from({ length: 9 }, () => el("span", "", twice("drill"))));
    if (place && !this.ground) {
      const { longitude: x, latitude: y } = place;
      const bounds = [x - ROUND_DEG * 1.4, y - ROUND_DEG, x + ROUND_DEG * 1.4, y + ROUND_DEG];
      this.ground = new Ground(this.map, bounds, () => this.lay());
    }
    this.lay();
    this.tell();
  }

  lay() {
    const place = this.known?.place;
    if (!this.ground || !place) return;
    const size = rem();
    const made = [];
    const at = this.ground.project([place.longitude, place.latitude]);
    // A vehicle beside the place keeps its name readable.
    const marks = this.known.vehicles.map(({ longitude, latitude }) => boxAround(this.ground.project([longitude, latitude]), size * 0.8));
    const taken = [boxAround(at, size * 1.6), ...marks];
    for (const camera of this.known.cameras) made.push(this.mark(camera, "camera", svg("rect", { x: -size * 0.4, y: -size * 0.3, width: size * 0.8, height: size * 0.6 })));
    for (const sensor of this.known.sensors) made.push(this.sensor(sensor, size));
    for (const vehicle of this.known.vehicles) {
      const [x, y] = this.ground.project([vehicle.longitude, vehicle.latitude]);
      made.push(svg("line", { x1: at[0], y1: at[1], x2: x, y2: y, class: "way" }));
      const moves = (vehicle.speed_mps ?? 0) >= 0.8 && vehicle.course_deg !== null;
      const shape = moves
        ? svg("path", { d: "M0,-1 L.72,.9 L0,.5 L-.72,.9 Z", transform: `rotate(${vehicle.course_deg}) scale(${size * 0.9})` })
        : svg("circle", { r: size * 0.5 });
      const mark = this.mark(vehicle, "vehicle", shape);
      mark.append(svg("text", free([x, y], vehicle.label, size, taken), vehicle.label));
      made.push(mark);
    }
    const ended = ["closed", "cancelled"].includes(this.known.state);
    made.push(
      svg("g", { transform: `translate(${at[0]},${at[1]})`, class: `incident-mark ${this.known.state === "open" ? "open" : "answered"} ${ended ? "stale" : ""}` },
        svg("circle", { r: size * 1.6, class: "halo" }), svg("circle", { r: size * 1.1 }), svg("text", { y: size * 0.4, class: "sign" }, "!")),
    );
    this.marks.replaceChildren(...made);
  }

  mark(one, kind, shape) {
    const [x, y] = this.ground.project([one.longitude, one.latitude]);
    return svg("g", { transform: `translate(${x},${y})`, class: kind }, shape);
  }

  // Who has nothing new to say is no green one.
  sensor(one, size) {
    const level = one.value ? (one.value.level ?? "plain") : "stale";
    const drawn = this.mark(one, `sensor ${level}`, svg("rect", { x: -size * 0.3, y: -size * 0.3, width: size * 0.6, height: size * 0.6, transform: "rotate(45)" }));
    if (level !== "plain" && level !== "good") drawn.append(svg("text", { x: size * 0.6, y: size * 0.4, class: "mark-name start" }, MARKS[level]));
    return drawn;
  }

  tell() {
    const { state, place, presses, drill, times, vehicles, sensors, cameras, others } = this.known;
    const known = Object.fromEntries(times.map(({ key, at_ms }) => [key, at_ms]));
    const since = known.opened ? lasted(now() - known.opened) : "";
    const answered = state !== "open";
    const line = (key) => {
      const passed = known[key] && known.opened ? `+${lasted(known[key] - known.opened)}` : "";
      return el("li", known[key] ? "done" : "open", el("span", "mark", known[key] ? "✓" : "○"), el("span", "", both(key)),
        el("b", "", known[key] ? clock(known[key], now(), true) : say("not_yet")), el("span", "passed", key === "opened" ? "" : passed));
    };
    this.side.replaceChildren(
      el("p", `what ${drill ? "drill" : answered ? "answered" : "critical"}`, el("b", "", drill ? twice("drill") : twice("incident")), el("span", "", `${since} · ${both(`state.${state}`)}`)),
      el("h2", "where", place?.address || place?.label || say("no_place")),
      el("p", "who", [place?.label, say("presses", { n: presses })].filter(Boolean).join(" · ")),
      el("ol", "times", ...STEPS.filter((key) => key !== "ended" || known.ended).map(line)),
      this.list("nearest_vehicles", vehicles.map((one) => [one.label, metres(one.metres), say("ago", { age: lasted(now() - one.newest_ms) })]), say("nobody")),
      this.list("nearest_sensors", sensors.map((one) => [one.label, metres(one.metres), value(one.value)]), "–"),
      cameras.length > 0 ? this.list("cameras", cameras.map((one) => [one.label, metres(one.metres), one.link.replace(/^\w+:\/\//, "")]), "") : "",
      others > 0 ? el("p", "others", say("others", { n: others })) : "",
    );
  }

  list(key, rows, none) {
    const lines = rows.length > 0 ? rows.map((cells) => el("li", "", ...cells.map((cell) => el("span", "", cell)))) : [el("li", "none", none)];
    return el("div", `near ${key}`, el("h3", "", both(key)), el("ul", "", ...lines));
  }

  tick() {
    if (this.known) this.tell();
  }

  report() {
    return { painted_ms: performance.now() };
  }

  remove() {
    this.removed = true;
    this.stop();
    this.ground?.remove();
    document.body.dataset.drill = "";
  }
}

// In the screen's language first, then in the other.
function both(key) {
  const other = spoken() === "id" ? "en" : "id";
  const [one, two] = [say(key), say(key, {}, other)];
  return one === two ? one : `${one} / ${two}`;
}

function twice(key) {
  return both(key).replace(" / ", " · ");
}

function metres(n) {
  return n < 1000 ? `${n} m` : `${valued(n / 1000, "", 1)[0]} km`;
}

function value(found) {
  if (!found) return say("without_value");
  const [text, unit] = valued(found.value, UNITS[found.field] ?? "");
  return `${text} ${unit}${found.level && found.level !== "good" ? ` ${marked(found.level)}` : ""}`;
}
