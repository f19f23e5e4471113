// A plain map drawn from coordinates: streets, landmarks, sites, buttons, incidents, a scale bar.

import { beside, EDGE, overlap, turnedBox, widthOf, within, wrap } from "./labels.js";
import { lines, mid, middleOfVisible, nice, path, spread, vertices } from "./shapes.js";
import { language, word } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const METRES_PER_DEGREE = 111_320;
const MARGIN_PX = 48;
const MIN_SPAN_M = 800;
const LABEL_EVERY_PX = 150;
const NAME_PX = 13;
const ADDRESS_PX = 17;
const ADDRESS_ROOM_PX = 240;
const LINE_PX = 21;
const PAD_PX = 8;

export class StreetMap {
  constructor(svg, inventory, streets) {
    this.svg = svg;
    this.inventory = inventory;
    this.features = streets.features.filter((feature) => feature.geometry);
    this.incidents = [];
    this.unreachable = new Map();
    this.names = [];
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

  // `unreachable`: by "device/button", in words since when.
  missing(unreachable) {
    this.unreachable = unreachable;
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
    this.names = [];
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
    const width = widthOf(name, NAME_PX);
    if (!place || place.length < width || !this.free(place.at, LABEL_EVERY_PX / 2)) return;
    const box = turnedBox(place.at, width, 2 * NAME_PX, place.angle);
    if (!within(box, this.width, this.height)) return;
    this.taken.push(place.at);
    const [x, y] = place.at.map((value) => value.toFixed(1));
    const label = make("text", { x, y, dy: -7, transform: `rotate(${place.angle.toFixed(1)} ${x} ${y})` });
    label.textContent = name;
    labels.append(label);
    this.names.push({ label, box });
  }

  drawLandmark(places, feature) {
    const [x, y] = this.project(feature.geometry.coordinates);
    if (!this.inside(x, y) || !this.free([x, y], LABEL_EVERY_PX / 2)) return;
    const name = feature.properties?.name ?? "";
    const width = widthOf(name, NAME_PX);
    const left = x + 7 + width <= this.width - EDGE ? x + 7 : x - 7 - width;
    const box = { left, top: y - NAME_PX, right: left + width, bottom: y + NAME_PX };
    if (left < EDGE || this.names.some((other) => overlap(other.box, box))) return;
    this.taken.push([x, y]);
    const place = make("g", {});
    const label = make("text", { x: left, y: y + 4 });
    label.textContent = name;
    place.append(make("circle", { cx: x, cy: y, r: 2.5 }), label);
    places.append(place);
    this.names.push({ label: place, box });
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
      marks.push(this.buttonMark(button));
    }
    // The hero is drawn last, so nothing covers it.
    const ordered = [...this.incidents].sort((one, other) => (one.id === this.hero) - (other.id === this.hero));
    for (const incident of ordered) marks.push(this.incidentMark(incident));
    const plate = this.plate();
    if (plate) marks.push(plate.mark);
    // A name half under the address would be no name.
    for (const { label, box } of this.names)
      label.setAttribute("visibility", plate && overlap(box, plate.box) ? "hidden" : "visible");
    this.marks.replaceChildren(...marks);
    this.svg.setAttribute("lang", language());
  }

  incidentMark(incident) {
    const [x, y] = this.project([incident.longitude, incident.latitude]);
    const large = incident.id === this.hero;
    const group = make("g", {
      class: `incident ${incident.ringing ? "ringing" : incident.state}`,
      "data-status": incident.status,
    });
    group.append(
      make("circle", { cx: x, cy: y, r: large ? 26 : 18, class: "halo" }),
      make("circle", { cx: x, cy: y, r: large ? 13 : 10, class: "core" }),
    );
    return titled(group, incident.address ?? incident.device);
  }

  buttonMark(button) {
    const [x, y] = this.project([button.longitude, button.latitude]);
    const since = this.unreachable.get(`${button.device}/${button.id}`);
    const group = make("g", { class: since ? "button-missing" : "button" });
    group.append(make("circle", { cx: x, cy: y, r: since ? 9 : 7 }));
    if (since) group.append(make("path", { d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8` }));
    return titled(group, since ? `${button.address}: ${since}` : button.address);
  }

  // The address of the incident that stands large, whole, on a plate of its own.
  plate() {
    const incident = this.incidents.find((one) => one.id === this.hero);
    if (!incident?.address) return null;
    const [x, y] = this.project([incident.longitude, incident.latitude]);
    const lines = wrap(incident.address, Math.min(ADDRESS_ROOM_PX, this.width - 2 * EDGE), ADDRESS_PX, 700);
    const width = Math.max(...lines.map((line) => widthOf(line, ADDRESS_PX, 700))) + 2 * PAD_PX;
    const height = lines.length * LINE_PX + PAD_PX;
    const box = beside(x, y, 30, { width, height }, this);
    const mark = make("g", { class: "plate" });
    mark.append(make("rect", { x: box.left, y: box.top, width, height, rx: 5 }));
    lines.forEach((line, at) => {
      const text = make("text", { x: box.left + PAD_PX, y: box.top + LINE_PX * (at + 0.85) });
      text.textContent = line;
      mark.append(text);
    });
    return { mark, box };
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
