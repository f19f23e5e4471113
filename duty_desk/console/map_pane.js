// The map's half of the page: it can be hidden, and then costs nothing. The map itself draws after the page has painted.

import { $ } from "./dom.js";
import { CityMap } from "./map/city-map.js";
import { Nearby } from "./map/nearby.js";

const KEPT = "siaga.map";

export class MapPane {
  constructor() {
    this.map = null;
    this.nearby = null;
    this.latest = null;
    this.lost = null;
    this.hidden = localStorage.getItem(KEPT) === "hidden";
    this.place();
  }

  start(inventory) {
    this.map = new CityMap($("chart"), { inventory });
    this.nearby = new Nearby((found) => this.map.nearby(found));
    this.tell();
  }

  toggle() {
    this.hidden = !this.hidden;
    localStorage.setItem(KEPT, this.hidden ? "hidden" : "shown");
    this.place();
    this.tell();
  }

  place() {
    document.body.dataset.map = this.hidden ? "hidden" : "shown";
    $("map-toggle").setAttribute("aria-pressed", String(!this.hidden));
  }

  // The incidents that are active, and the one that stands large.
  show(incidents, hero) {
    this.latest = { incidents, hero };
    this.tell();
  }

  // `unreachable`: by "device/button", in words since when.
  missing(unreachable) {
    this.lost = unreachable;
    this.tell();
  }

  tell() {
    if (this.map === null) return;
    const { incidents, hero } = this.latest ?? { incidents: [], hero: null };
    this.nearby.follow(this.hidden ? null : hero);
    if (this.hidden) return;
    if (this.lost !== null) this.map.missing(this.lost);
    this.map.show(incidents, hero?.id ?? null);
  }

  // Anew, with its words.
  draw() {
    if (!this.hidden) this.map?.draw();
  }
}
