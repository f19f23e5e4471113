// Places: vehicles with their trails, incidents that are open. A vehicle that fell silent is not among them.

import { el, rem, svg } from "../dom.js";
import { MARKS } from "../format.js";
import { say } from "../words.js";
import { Ground, boundsOf, boundsOfStreets } from "./ground.js";
import { boxAround, boxOf, free } from "./names.js";

const ENDED = ["closed", "cancelled"];
const MOVES_MPS = 0.8;
const FAR_DEG = 0.6;
const BANDUNG = [107.56, -6.96, 107.66, -6.87];
const MOST_LABELS = 14;

export class CityMap {
  constructor(body, panel) {
    this.body = body;
    this.panel = panel;
    this.ground = null;
    this.marks = svg("svg", { class: "marks" });
    this.legend = el("p", "legend-line");
    this.removed = false;
  }

  async draw(found) {
    this.known = read(found);
    if (!this.ground && !this.starting) {
      this.starting = true;
      const places = this.known.vehicles.map(({ at }) => at);
      const bounds = (await boundsOfStreets()) ?? boundsOf(places) ?? BANDUNG;
      if (this.removed) return;
      this.body.replaceChildren(this.marks, this.legend);
      this.ground = new Ground(this.body, wide(bounds), () => this.lay());
    }
    this.lay();
  }

  lay() {
    if (!this.ground || !this.known) return;
    const { vehicles, trails, incidents } = this.known;
    const near = (at) => isNear(at, this.ground.bounds);
    const size = rem();
    const made = [];
    const stale = this.known.stale ? " stale" : "";
    for (const trail of trails) {
      const points = trail.filter(near).map((at) => this.ground.project(at).join(","));
      if (points.length > 1) made.push(svg("polyline", { points: points.join(" "), class: `trail${stale}` }));
    }
    const labelled = vehicles.length <= MOST_LABELS;
    const taken = [...vehicles, ...incidents].filter((each) => near(each.at)).map((each) => boxAround(this.ground.project(each.at), size * 0.7));
    // An incident's name stays beneath it; the vehicles' give way.
    for (const { at, label, state } of incidents.filter((each) => near(each.at))) taken.push(boxOf(this.ground.project(at), named(label, state), size, [0, size * 2.1, "middle"]));
    for (const { at, course, speed, label } of vehicles.filter((each) => near(each.at))) {
      const [x, y] = this.ground.project(at);
      const moves = (speed ?? 0) >= MOVES_MPS && course !== null;
      const shape = moves
        ? svg("path", { d: "M0,-1 L.72,.9 L0,.5 L-.72,.9 Z", transform: `rotate(${course}) scale(${size * 0.75})` })
        : svg("circle", { r: size * 0.42 });
      const mark = svg("g", { transform: `translate(${x},${y})`, class: `vehicle${stale}` }, shape);
      if (labelled) mark.append(svg("text", free([x, y], label, size, taken), label));
      made.push(mark);
    }
    for (const { at, label, state } of incidents) {
      const [x, y] = this.ground.project(at);
      made.push(
        svg(
          "g",
          { transform: `translate(${x},${y})`, class: `incident-mark ${state === "open" ? "open" : "answered"}${stale}` },
          svg("circle", { r: size * 0.95 }),
          svg("text", { y: size * 0.36, class: "sign" }, "!"),
          svg("text", { y: size * 2.1, class: "mark-name" }, named(label, state)),
        ),
      );
    }
    this.marks.replaceChildren(...made);
    this.say(vehicles, incidents, vehicles.filter((each) => !near(each.at)).length);
  }

  say(vehicles, incidents, far) {
    const expected = this.known.expected ? ` ${say("of", { n: this.known.expected })}` : "";
    const quiet = this.known.silent > 0 ? ` · ${MARKS.stale} ${say("silent_count", { n: this.known.silent })}` : "";
    const parts = [el("span", "", `➤ ${say("vehicles")}: ${vehicles.length}${expected}${quiet}${far > 0 ? ` · +${far}` : ""}`)];
    if (this.known.tellsIncidents) {
      const told = incidents.length > 0 ? `! ${say("incidents")}: ${incidents.length}` : `✓ ${say("no_incident")}`;
      parts.push(el("span", incidents.length > 0 ? "critical" : "", told));
    }
    this.legend.replaceChildren(...parts);
  }

  remove() {
    this.removed = true;
    this.ground?.remove();
  }
}

function read(found) {
  const rowsOf = (ref) =>
    (found.questions.find((question) => question.ref === ref)?.series ?? []).map((series) => {
      const { columns } = found.questions.find((question) => question.ref === ref);
      return { series, rows: series.rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at]]))) };
    });
  const placed = ({ latitude, longitude }) => typeof latitude === "number" && typeof longitude === "number";
  const vehicles = rowsOf("A").flatMap(({ series, rows }) => {
    const last = rows.filter(placed).at(-1);
    if (!last || series.stale) return [];
    return [{ at: [last.longitude, last.latitude], course: last.course_deg ?? null, speed: last.speed_mps ?? null, label: series.label }];
  });
  const trails = rowsOf("B").map(({ rows }) => rows.filter(placed).map(({ longitude, latitude }) => [longitude, latitude]));
  const incidents = rowsOf("C").flatMap(({ series, rows }) => {
    const open = rows.filter((row) => placed(row) && !ENDED.includes(row.state));
    return open.map((row) => ({ at: [row.longitude, row.latitude], label: series.label, state: row.state }));
  });
  return {
    vehicles,
    trails,
    incidents,
    expected: found.expected,
    silent: found.silent.length,
    stale: Boolean(found.no_answer),
    tellsIncidents: found.questions.some(({ ref }) => ref === "C"),
  };
}

function named(label, state) {
  return `${label} · ${say(`state.${state}`)}`;
}

function isNear([longitude, latitude], [west, south, east, north]) {
  return longitude > west - FAR_DEG && longitude < east + FAR_DEG && latitude > south - FAR_DEG && latitude < north + FAR_DEG;
}

function wide([west, south, east, north]) {
  const [x, y] = [Math.max(0.004, (east - west) * 0.04), Math.max(0.004, (north - south) * 0.04)];
  return [west - x, south - y, east + x, north + y];
}
