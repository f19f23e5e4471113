// The place: typed, taken from what the desk finds by it, or clicked on the map.

import { word } from "../words.js";
import { $, element, get } from "./shared.js";

const PAUSE_MS = 120;
const LEAST = 2;

export class PlaceField {
  // `changed` gets { address, place }; `left` is called when the field is done with.
  constructor({ changed, left }) {
    this.changed = changed;
    this.left = left;
    this.found = [];
    this.at = -1;
    this.place = null;
    this.asked = 0;
    this.timer = 0;
    this.field = $("place");
    this.list = $("place-list");
    this.field.addEventListener("input", () => this.typed());
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("blur", () => this.close());
    // Before the blur, which would take the list away.
    this.list.addEventListener("pointerdown", (event) => {
      const item = event.target.closest("li");
      if (!item) return;
      event.preventDefault();
      this.take(this.found[Number(item.dataset.at)]);
    });
  }

  show({ address, place }) {
    this.place = place;
    if (this.field.value !== address) this.field.value = address;
    this.told();
  }

  typed() {
    const address = this.field.value;
    // Detail may follow the name that was taken; another name is another place.
    if (this.place?.name && !address.startsWith(this.place.name)) this.place = null;
    this.changed({ address, place: this.place });
    this.told();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(address), PAUSE_MS);
  }

  async ask(address) {
    const number = (this.asked += 1);
    const query = address.trim();
    if (query.length < LEAST || (this.place?.name && address.startsWith(this.place.name))) {
      this.close();
      return;
    }
    const answer = await get(`/api/places?${new URLSearchParams({ q: query.slice(0, 200) })}`).catch(() => null);
    if (number !== this.asked || document.activeElement !== this.field) return;
    this.found = answer?.places ?? [];
    this.at = -1;
    this.render();
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.found.length > 0) {
      event.preventDefault();
      this.at = Math.max(-1, Math.min(this.found.length - 1, this.at + step));
      this.render();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (this.at >= 0) this.take(this.found[this.at]);
      else this.leave();
    } else if (event.key === "Escape" && this.found.length > 0) {
      event.preventDefault();
      this.close();
    }
  }

  take({ name, latitude, longitude }) {
    this.place = { name, latitude, longitude };
    this.field.value = name;
    this.changed({ address: name, place: this.place });
    this.told();
    this.leave();
  }

  // A click on the map: what was typed stays, as it may say more than a point.
  picked({ latitude, longitude }) {
    const round = (value) => Number(value.toFixed(6));
    this.place = { name: null, latitude: round(latitude), longitude: round(longitude) };
    this.changed({ address: this.field.value, place: this.place });
    this.told();
  }

  leave() {
    this.close();
    this.left();
  }

  close() {
    clearTimeout(this.timer);
    this.asked += 1;
    this.found = [];
    this.at = -1;
    this.render();
  }

  told() {
    const state = this.place ? "known" : this.field.value.trim() ? "typed" : "none";
    $("place-state").dataset.state = state;
    $("place-state").textContent = word(`place_${state}`, {
      latitude: this.place?.latitude.toFixed(5),
      longitude: this.place?.longitude.toFixed(5),
    });
  }

  render() {
    this.list.replaceChildren(
      ...this.found.map((place, at) => {
        const item = element("li");
        item.id = `place-${at}`;
        item.dataset.at = at;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", String(at === this.at));
        item.append(element("span", "", place.name), element("span", "kind", word(`kind_${place.kind}`)));
        return item;
      }),
    );
    this.list.hidden = this.found.length === 0;
    this.field.setAttribute("aria-expanded", String(this.found.length > 0));
    if (this.at >= 0) this.field.setAttribute("aria-activedescendant", `place-${this.at}`);
    else this.field.removeAttribute("aria-activedescendant");
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
  }
}
