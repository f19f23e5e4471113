// The city's map on a page: streets, buttons, incidents, vehicles, sensors and cameras. Never in the way of an alarm: what
// is told to it is drawn when the page has painted, and nothing is done while it cannot be seen. Where the browser has no
// WebGL, or loses it, the plain map takes its place and this says so.

import { GlMap } from "./gl-map.js";
import { loadLibrary, NoMap, styled } from "./library.js";
import { PlainMap } from "./plain-map.js";
import { loadMapWords, mapWord } from "./words.js";

const IDLE_MS = 400;
const LOST_MS = 4000;

// After the next paint, and when nothing more urgent is to be done.
function afterPaint(task) {
  const idle = globalThis.requestIdleCallback ?? ((call) => setTimeout(call, 30));
  requestAnimationFrame(() => idle(task, { timeout: IDLE_MS }));
}

export class CityMap {
  // `inventory`: sites and buttons, as /api/inventory gives them.
  constructor(container, { inventory = { sites: [], buttons: [] } } = {}) {
    this.container = container;
    this.inventory = inventory;
    this.known = { incidents: [], hero: null, unreachable: new Map(), nearby: null, picked: null };
    this.drawn = null;
    this.kind = "none";
    this.picks = null;
    this.dirty = false;
    this.queued = false;
    this.starting = false;
    this.wanted = null;
    container.classList.add("city-map");
    styled("map");
    this.note = document.createElement("p");
    this.note.className = "map-note";
    this.note.setAttribute("role", "status");
    this.note.hidden = true;
    this.stage = document.createElement("div");
    this.stage.className = "map-stage";
    container.replaceChildren(this.stage, this.note);
    new ResizeObserver(() => this.resize()).observe(container);
    document.addEventListener("visibilitychange", () => this.later());
    this.later();
  }

  // Incidents that are active, and the id of the one that stands large.
  show(incidents, hero) {
    this.known.incidents = incidents.filter((one) => one.latitude !== null && one.longitude !== null);
    this.known.hero = hero;
    this.later();
  }

  // `unreachable`: by "device/button", in words since when.
  missing(unreachable) {
    this.known.unreachable = unreachable;
    this.later();
  }

  // What /api/nearby told, or null.
  nearby(found) {
    this.known.nearby = found;
    this.later();
  }

  // `callback` gets { latitude, longitude } of each click on the map from now on.
  onPick(callback) {
    this.picks = callback;
    this.container.classList.add("picking");
  }

  // Show a place as the chosen one; null takes it away.
  pick(place) {
    this.known.picked = place;
    this.later();
  }

  fly(place, zoom = 16) {
    this.wanted = { place, zoom };
    this.later();
  }

  // Everything that the desk watches.
  fit() {
    this.wanted = { fit: true };
    this.later();
  }

  // The language or the theme is another.
  draw() {
    this.drawn?.restyle();
    this.describe();
    this.later();
  }

  resize() {
    if (this.visible()) this.drawn?.resize();
    this.later();
  }

  visible() {
    return !document.hidden && this.container.clientWidth >= 50 && this.container.clientHeight >= 50;
  }

  later() {
    this.dirty = true;
    if (this.queued) return;
    this.queued = true;
    afterPaint(() => {
      this.queued = false;
      this.update();
    });
  }

  update() {
    if (!this.dirty || !this.visible()) return;
    if (!this.drawn) {
      this.start();
      return;
    }
    this.dirty = false;
    this.drawn.update(this.known);
    if (this.wanted) this.drawn.go(this.wanted);
    this.wanted = null;
  }

  async start() {
    if (this.starting) return;
    this.starting = true;
    try {
      const [maplibre, map] = await Promise.all([
        loadLibrary(),
        description(),
        loadMapWords(),
        styled("map"),
      ]);
      this.drawn = await GlMap.make(maplibre, this.stage, map, this.inventory, {
        picked: (place) => this.picks?.(place),
        lost: (restored) => this.lost(restored),
      });
      this.kind = "gl";
      this.tell(map.fault ? "no_map" : null);
    } catch (error) {
      await this.plain(error instanceof NoMap ? error.reason : "plain");
    }
    this.describe();
    this.later();
  }

  // The graphics card took the map's memory: it often gives it back.
  lost(restored) {
    clearTimeout(this.waiting);
    if (!restored) this.waiting = setTimeout(() => this.plain("plain").then(() => this.later()), LOST_MS);
  }

  async plain(reason) {
    await loadMapWords().catch(() => {});
    this.drawn?.remove();
    this.drawn = await PlainMap.make(this.stage, this.inventory, (place) => this.picks?.(place));
    this.kind = "plain";
    this.tell(reason);
    this.describe();
  }

  tell(reason) {
    this.reason = reason;
    this.note.hidden = reason === null;
    this.note.textContent = reason === null ? "" : mapWord(reason);
  }

  describe() {
    this.container.dataset.map = this.kind;
    this.container.setAttribute("role", "group");
    this.container.setAttribute("aria-label", mapWord("map"));
    if (this.reason) this.note.textContent = mapWord(this.reason);
  }
}

// A desk that cannot tell what its map is made of has its incidents all the same.
async function description() {
  try {
    const answer = await fetch("/api/map");
    if (answer.ok) return await answer.json();
  } catch {
    // Told below.
  }
  return { streets: "none", box: null, attribution: "", tiles: null, fault: "no answer" };
}
