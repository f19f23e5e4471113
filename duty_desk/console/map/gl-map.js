// The map that MapLibre GL draws.

import { colours, onThemeChange } from "./colours.js";
import { addIcons } from "./icons.js";
import { allowTiles } from "./library.js";
import { boxOf, buttonMarks, incidentMarks, sensorMarks, siteMarks, vehicleMarks } from "./marks.js";
import { Overlay } from "./overlay.js";
import { style } from "./style.js";

const LOAD_MS = 15_000;
const PADDING_PX = 56;
const MAX_ZOOM = 19;
const WHOLE_ZOOM = 15;
const BANDUNG = [107.609, -6.9147];

export class GlMap {
  // Resolves when it is drawn once; rejects when it cannot be.
  static async make(maplibre, stage, map, inventory, calls) {
    if (map.tiles) await allowTiles(maplibre);
    const made = new GlMap(maplibre, stage, map, inventory, calls);
    try {
      await made.loaded();
    } catch (error) {
      made.remove();
      throw error;
    }
    return made;
  }

  constructor(maplibre, stage, map, inventory, calls) {
    this.stage = stage;
    this.base = map;
    this.inventory = inventory;
    this.known = null;
    this.hero = null;
    const c = colours(stage);
    this.map = new maplibre.Map({
      container: stage,
      style: style(map, c),
      ...this.start(),
      maxZoom: MAX_ZOOM,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      // The page's keys are the officer's; for the map there are buttons.
      keyboard: false,
      fadeDuration: 0,
      refreshExpiredTiles: false,
      validateStyle: false,
    });
    this.map.touchZoomRotate.disableRotation();
    const canvas = this.map.getCanvas();
    canvas.tabIndex = -1;
    canvas.addEventListener("webglcontextlost", () => calls.lost(false));
    canvas.addEventListener("webglcontextrestored", () => calls.lost(true));
    this.map.on("click", ({ lngLat }) => calls.picked({ latitude: lngLat.lat, longitude: lngLat.lng }));
    this.overlay = new Overlay(maplibre, this.map, stage, {
      attribution: map.tiles?.attribution || map.attribution,
      whole: () => this.go({ fit: true }),
    });
    this.forget = onThemeChange(() => this.restyle());
  }

  loaded() {
    return new Promise((done, failed) => {
      const timer = setTimeout(() => failed(new Error("the map did not load")), LOAD_MS);
      // A source that fails leaves a hole; a context that fails leaves nothing.
      this.map.on("error", ({ error }) => {
        if (error?.type === "webglcontextcreationerror") failed(error);
      });
      this.map.once("load", () => {
        clearTimeout(timer);
        addIcons(this.map, colours(this.stage));
        done();
      });
    });
  }

  start() {
    const bounds = this.whole();
    if (bounds) return { bounds, fitBoundsOptions: { padding: this.padding(), maxZoom: WHOLE_ZOOM } };
    return { center: BANDUNG, zoom: 12 };
  }

  // What the desk watches; without any, what the base map covers.
  whole() {
    const watched = boxOf([...this.inventory.buttons, ...this.inventory.sites]);
    if (watched) return watched;
    const box = this.base.box ?? this.base.tiles?.box;
    return box ? [[box[0], box[1]], [box[2], box[3]]] : null;
  }

  // On a narrow map no more than a fifth of it.
  padding() {
    return Math.min(PADDING_PX, this.stage.clientWidth / 5, this.stage.clientHeight / 5);
  }

  update(known) {
    this.known = known;
    const { incidents, hero, unreachable, nearby } = known;
    this.set("sites", siteMarks(this.inventory.sites));
    this.set("buttons", buttonMarks(this.inventory.buttons, unreachable, incidents));
    this.set("incidents", incidentMarks(incidents, hero));
    this.set("vehicles", vehicleMarks(nearby?.vehicles ?? []));
    this.set("sensors", sensorMarks(nearby?.sensors ?? []));
    this.overlay.update(known);
    this.keepInSight(incidents.find((incident) => incident.id === hero));
  }

  set(name, data) {
    const text = JSON.stringify(data);
    this.sent ??= {};
    // The same again would be drawn again.
    if (this.sent[name] === text) return;
    this.sent[name] = text;
    this.map.getSource(name)?.setData(data);
  }

  // A new incident that stands large is never out of the picture.
  keepInSight(hero) {
    const id = hero?.id ?? null;
    if (id === this.hero) return;
    this.hero = id;
    if (hero && !this.map.getBounds().contains([hero.longitude, hero.latitude])) this.go({ place: hero });
  }

  go({ place, zoom, fit }) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const duration = still ? 0 : 500;
    if (fit) {
      const bounds = this.whole();
      if (bounds) this.map.fitBounds(bounds, { padding: this.padding(), maxZoom: WHOLE_ZOOM, duration });
      return;
    }
    const center = [place.longitude, place.latitude];
    this.map.easeTo({ center, zoom: zoom ?? Math.max(this.map.getZoom(), 14), duration });
  }

  // Theme or language are other ones. The view stays.
  restyle() {
    const c = colours(this.stage);
    const { layers } = style(this.base, c);
    for (const layer of layers) {
      for (const [name, value] of Object.entries(layer.paint ?? {})) this.map.setPaintProperty(layer.id, name, value);
    }
    addIcons(this.map, c);
    this.sent = {};
    this.overlay.speak();
    if (this.known) this.update(this.known);
  }

  resize() {
    this.map.resize();
  }

  remove() {
    this.forget();
    this.overlay.remove();
    this.map.remove();
    this.stage.replaceChildren();
  }
}
