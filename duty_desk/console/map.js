// A plain map drawn from coordinates: streets, landmarks, sites, buttons, incidents, a scale bar.

import { language, word } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const METRES_PER_DEGREE = 111_320;
const MARGIN_PX = 48;
const MIN_SPAN_M = 800;
const LABEL_EVERY_PX = 150;

export class StreetMap {
  constructor(svg, inventory, streets) {
    this.svg = svg;
    this.inventory = inventory;
    this.features = streets.features.filter((feature) => feature.geometry);
    this.incidents = [];
    this.ground = make("g", {});
    this.marks = make("g", {});
    svg.append(this.ground, this.marks);
    new ResizeObserver(() => this.draw()).observe(svg);
  }

  show(incidents, hero) {
    this.incidents = incidents.filter((incident) => incident.latitude !== null);
    this.hero = hero;
    if (this.project) this.drawMarks();
  }

  draw() {
    const { width, height } = this.svg.getBoundingClientRect();
    if (width < 50 || height < 50) return;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.width = width;
    this.height = height;
    this.fit();
    this.drawGround();
    this.drawMarks();
  }

  // Fit what the desk watches: sites and buttons; without any, the streets.
  fit() {
    let points = [...this.inventory.buttons, ...this.inventory.sites].map((one) => [one.longitude, one.latitude]);
    if (points.length === 0) points = this.features.flatMap((feature) => vertices(feature));
    if (points.length === 0) points = [[107.609, -6.9147]];
    const longitudes = points.map((point) => point[0]);
    const latitudes = points.map((point) => point[1]);
    const middle = [mid(longitudes), mid(latitudes)];
    const perLongitude = METRES_PER_DEGREE * Math.cos((middle[1] * Math.PI) / 180);
    const wide = Math.max(MIN_SPAN_M, spread(longitudes) * perLongitude);
    const high = Math.max(MIN_SPAN_M, spread(latitudes) * METRES_PER_DEGREE);
    const pad = Math.min(MARGIN_PX * 1.5, this.width / 5, this.height / 5);
    this.pxPerMetre = Math.min((this.width - 2 * pad) / wide, (this.height - 2 * pad) / high);
    this.project = ([longitude, latitude]) => [
      this.width / 2 + (longitude - middle[0]) * perLongitude * this.pxPerMetre,
      this.height / 2 - (latitude - middle[1]) * METRES_PER_DEGREE * this.pxPerMetre,
    ];
  }

  drawGround() {
    const streets = make("g", { class: "streets" });
    const labels = make("g", { class: "street-names" });
    this.taken = this.inventory.buttons.map((button) => this.project([button.longitude, button.latitude]));
    for (const feature of this.features) {
      for (const line of lines(feature)) {
        const points = line.map(this.project);
        streets.append(make("path", { d: path(points) }));
        this.labelStreet(labels, points, feature.properties?.name);
      }
    }
    const places = make("g", { class: "landmarks" });
    for (const feature of this.features) {
      if (feature.geometry.type === "Point") this.drawLandmark(places, feature);
    }
    this.ground.replaceChildren(streets, labels, places, this.scaleBar());
  }

  labelStreet(labels, points, name) {
    if (!name) return;
    const place = middleOfVisible(points, this.width, this.height);
    if (!place || place.length < name.length * 6.5 || !this.free(place.at, LABEL_EVERY_PX / 2)) return;
    this.taken.push(place.at);
    const [x, y] = place.at.map((value) => value.toFixed(1));
    const label = make("text", { x, y, dy: -4, transform: `rotate(${place.angle.toFixed(1)} ${x} ${y})` });
    label.textContent = name;
    labels.append(label);
  }

  drawLandmark(places, feature) {
    const [x, y] = this.project(feature.geometry.coordinates);
    if (!this.inside(x, y) || !this.free([x, y], LABEL_EVERY_PX / 2)) return;
    this.taken.push([x, y]);
    places.append(make("circle", { cx: x, cy: y, r: 2.5 }));
    const label = make("text", { x: x + 7, y: y + 4 });
    label.textContent = feature.properties?.name ?? "";
    places.append(label);
  }

  drawMarks() {
    const marks = [];
    const active = new Set(this.incidents.map((incident) => `${incident.device}/${incident.button}`));
    for (const site of this.inventory.sites) {
      const [x, y] = this.project([site.longitude, site.latitude]);
      marks.push(titled(make("rect", { x: x - 5, y: y - 5, width: 10, height: 10, class: "site" }), site.address));
    }
    for (const button of this.inventory.buttons) {
      if (active.has(`${button.device}/${button.id}`)) continue;
      const [x, y] = this.project([button.longitude, button.latitude]);
      marks.push(titled(make("circle", { cx: x, cy: y, r: 7, class: "button" }), button.address));
    }
    // The hero is drawn last, so nothing covers it.
    const ordered = [...this.incidents].sort((one, other) => (one.id === this.hero) - (other.id === this.hero));
    for (const incident of ordered) marks.push(this.incidentMark(incident));
    this.marks.replaceChildren(...marks);
    this.svg.setAttribute("lang", language());
  }

  incidentMark(incident) {
    const [x, y] = this.project([incident.longitude, incident.latitude]);
    const large = incident.id === this.hero;
    const group = make("g", { class: `incident ${incident.ringing ? "ringing" : incident.state}` });
    group.append(
      make("circle", { cx: x, cy: y, r: large ? 26 : 18, class: "halo" }),
      make("circle", { cx: x, cy: y, r: large ? 13 : 10, class: "core" }),
    );
    if (large && incident.address) {
      const right = x > this.width / 2;
      const label = make("text", { x: right ? x - 34 : x + 34, y: y + 6, "text-anchor": right ? "end" : "start" });
      label.textContent = shorten(incident.address, (right ? x : this.width - x) - 44);
      group.append(label);
    }
    return titled(group, incident.address ?? incident.device);
  }

  scaleBar() {
    const metres = nice((this.width / 4) / this.pxPerMetre);
    const length = metres * this.pxPerMetre;
    const y = this.height - 18;
    const bar = make("g", { class: "scale" });
    const label = make("text", { x: 18 + length / 2, y: y - 9, "text-anchor": "middle" });
    label.textContent = metres >= 1000 ? word("kilometres", { count: metres / 1000 }) : word("metres", { count: metres });
    bar.append(make("path", { d: `M18 ${y - 6}v6h${length}v-6` }), label);
    return bar;
  }

  inside(x, y) {
    return x > 0 && y > 12 && x < this.width - 60 && y < this.height - 40;
  }

  free(point, distance) {
    return this.taken.every((other) => Math.hypot(other[0] - point[0], other[1] - point[1]) > distance);
  }
}

function make(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function titled(element, text) {
  const title = make("title", {});
  title.textContent = text;
  element.append(title);
  return element;
}

function lines({ geometry }) {
  if (geometry.type === "LineString") return [geometry.coordinates];
  return geometry.type === "MultiLineString" ? geometry.coordinates : [];
}

function vertices(feature) {
  return feature.geometry.type === "Point" ? [feature.geometry.coordinates] : lines(feature).flat();
}

function path(points) {
  return points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

// The middle of the longest visible piece of a line, its length and its reading direction.
function middleOfVisible(points, width, height) {
  let best = null;
  let piece = [];
  const visible = ([x, y]) => x > 20 && y > 20 && x < width - 20 && y < height - 40;
  const finish = () => {
    if (piece.length > 1) {
      const [start, end] = [piece[0], piece[piece.length - 1]];
      const length = Math.hypot(end[0] - start[0], end[1] - start[1]);
      if (!best || length > best.length) best = { length, piece };
    }
    piece = [];
  };
  for (const point of densify(points)) {
    if (visible(point)) piece.push(point);
    else finish();
  }
  finish();
  if (!best) return null;
  const at = Math.floor(best.piece.length / 2);
  const reach = Math.max(1, Math.floor(best.piece.length / 6));
  const from = best.piece[Math.max(0, at - reach)];
  const to = best.piece[Math.min(best.piece.length - 1, at + reach)];
  let angle = (Math.atan2(to[1] - from[1], to[0] - from[0]) * 180) / Math.PI;
  if (angle > 90) angle -= 180;
  if (angle < -90) angle += 180;
  return { at: best.piece[at], length: best.length, angle };
}

function densify(points) {
  const dense = [];
  for (let at = 0; at + 1 < points.length; at += 1) {
    const [from, to] = [points[at], points[at + 1]];
    const steps = Math.min(200, Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / 12)));
    for (let step = 0; step < steps; step += 1) {
      const share = step / steps;
      dense.push([from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share]);
    }
  }
  dense.push(points[points.length - 1]);
  return dense;
}

function shorten(text, room) {
  const letters = Math.max(6, Math.floor(room / 10.5));
  return text.length <= letters ? text : `${text.slice(0, letters - 1)}…`;
}

function nice(metres) {
  const power = 10 ** Math.floor(Math.log10(metres));
  return [5, 2, 1].find((step) => step * power <= metres) * power;
}

function mid(values) {
  return (Math.min(...values) + Math.max(...values)) / 2;
}

function spread(values) {
  return Math.max(...values) - Math.min(...values);
}
