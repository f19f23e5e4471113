// What lies over the drawn map as elements of the page: rings of what nobody answered, the address of the incident that
// stands large, cameras, the chosen place, the buttons, the scale, and whose map it is.

import { nice } from "../shapes.js";
import { cameraLink, look } from "./marks.js";
import { mapWord } from "./words.js";

// Rings beyond these add nothing that can be told apart, and each is an element that moves.
const MAX_RINGS = 30;
const SCALE_PX = 120;

export class Overlay {
  constructor(maplibre, map, stage, { attribution, whole }) {
    this.maplibre = maplibre;
    this.map = map;
    this.markers = new Map();
    this.buttons = [
      ["zoom_in", "+", () => map.zoomIn({ duration: 0 })],
      ["zoom_out", "−", () => map.zoomOut({ duration: 0 })],
      ["whole", "⤢", whole],
    ].map(([key, sign, act]) => this.button(key, sign, act));
    this.tools = made("div", "map-tools");
    this.tools.append(...this.buttons.map(({ element }) => element));
    this.scale = made("div", "map-scale");
    this.credit = made("div", "map-credit");
    this.credit.textContent = attribution;
    this.credit.hidden = !attribution;
    stage.append(this.tools, this.scale, this.credit);
    map.on("moveend", () => this.measure());
    this.speak();
  }

  button(key, sign, act) {
    const element = made("button", "map-button");
    element.type = "button";
    element.textContent = sign;
    element.addEventListener("click", act);
    return { key, element };
  }

  speak() {
    for (const { key, element } of this.buttons) {
      element.title = mapWord(key);
      element.setAttribute("aria-label", mapWord(key));
    }
    this.measure();
  }

  measure() {
    const { lat } = this.map.getCenter();
    const perPixel = (78_271.517 * Math.cos((lat * Math.PI) / 180)) / 2 ** this.map.getZoom();
    const metres = nice(SCALE_PX * perPixel);
    this.scale.style.width = `${Math.round(metres / perPixel)}px`;
    this.scale.textContent =
      metres >= 1000 ? mapWord("kilometres", { count: metres / 1000 }) : mapWord("metres", { count: metres });
  }

  update({ incidents, hero, nearby, picked }) {
    const wanted = new Map();
    const ringing = incidents.filter((incident) => incident.ringing || incident.id === hero);
    for (const incident of ringing.slice(0, MAX_RINGS)) {
      wanted.set(`ring ${incident.id}`, { at: incident, make: () => ring(incident), state: look(incident) });
    }
    const large = incidents.find((incident) => incident.id === hero);
    if (large?.address) {
      const at = { at: large, make: () => plate(large.address), state: large.address, options: { offset: [0, -30], anchor: "bottom" } };
      wanted.set(`plate ${large.id}`, at);
    }
    for (const camera of nearby?.cameras ?? []) {
      wanted.set(`camera ${camera.id}`, { at: camera, make: () => cameraLink(camera), state: document.documentElement.lang, options: { offset: [26, -18] } });
    }
    if (picked) wanted.set("picked", { at: picked, make: pin, state: "", options: { anchor: "bottom" } });
    this.bring(wanted);
  }

  // Markers are kept as long as they are the same, as each costs the page a layout.
  bring(wanted) {
    for (const [key, old] of this.markers) {
      if (wanted.get(key)?.state === old.state) continue;
      old.marker.remove();
      this.markers.delete(key);
    }
    for (const [key, { at, make, state, options }] of wanted) {
      const place = [at.longitude, at.latitude];
      const old = this.markers.get(key);
      if (old) {
        old.marker.setLngLat(place);
        continue;
      }
      const marker = new this.maplibre.Marker({ element: make(), ...options }).setLngLat(place).addTo(this.map);
      this.markers.set(key, { marker, state });
    }
  }

  remove() {
    for (const { marker } of this.markers.values()) marker.remove();
    this.markers.clear();
  }
}

function made(tag, name) {
  const element = document.createElement(tag);
  element.className = name;
  return element;
}

function ring(incident) {
  const element = made("div", "map-ring");
  element.dataset.look = look(incident);
  element.setAttribute("role", "img");
  const address = incident.address ?? incident.device ?? "";
  element.setAttribute("aria-label", incident.ringing ? mapWord("ringing", { address }) : address);
  return element;
}

function plate(address) {
  const element = made("div", "map-plate");
  element.textContent = address;
  return element;
}

function pin() {
  const element = made("div", "map-pin");
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", mapWord("picked"));
  return element;
}
