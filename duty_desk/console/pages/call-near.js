// What may be the same incident, told while the call is typed. Nothing is merged by itself: one key adds the call to one
// of them as a note, any other way it rings on its own.

import { span, word } from "../words.js";
import { $, element, get, now } from "./shared.js";

const PAUSE_MS = 250;
const LEAST = 4;
export const NOTE_KEYS = ["F2", "F3", "F4"];

export function whatWord({ category, cause, origin }) {
  if (category) return word(`category_${category}`);
  return word(cause ? `cause_${cause}` : `origin_${origin}`);
}

export class Near {
  // `add` is called with the incident that the call shall be a note of.
  constructor(add) {
    this.add = add;
    this.found = [];
    this.asked = 0;
    this.timer = 0;
    this.call = null;
    $("near-list").addEventListener("click", (event) => {
      const at = event.target.closest("button")?.dataset.at;
      if (at !== undefined) this.choose(Number(at));
    });
  }

  // The call was changed, or an incident was.
  look(call) {
    this.call = call;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), PAUSE_MS);
  }

  // The call is gone; so is what was like it.
  forget() {
    clearTimeout(this.timer);
    this.asked += 1;
    this.call = null;
    this.found = [];
    this.render();
  }

  async ask() {
    const number = (this.asked += 1);
    const { address, place } = this.call ?? { address: "", place: null };
    if (!place && address.trim().length < LEAST) {
      this.found = [];
      this.render();
      return;
    }
    const asked = new URLSearchParams({ address: address.trim().slice(0, 200) });
    if (place) {
      asked.set("latitude", place.latitude);
      asked.set("longitude", place.longitude);
    }
    const answer = await get(`/api/calls/nearby?${asked}`).catch(() => null);
    if (number !== this.asked || !answer) return;
    this.found = answer.incidents;
    this.render();
  }

  choose(at) {
    if (this.found[at]) this.add(this.found[at]);
  }

  render() {
    const list = $("near-list");
    const signature = JSON.stringify([this.found, document.documentElement.lang]);
    if (list.dataset.shown !== signature) {
      list.dataset.shown = signature;
      list.replaceChildren(...this.found.slice(0, NOTE_KEYS.length).map(row));
    }
    $("near").hidden = this.found.length === 0;
    const more = this.found.length - NOTE_KEYS.length;
    $("near-more").textContent = more > 0 ? word("near_more", { count: more }) : "";
    this.age();
  }

  age() {
    for (const each of $("near-list").querySelectorAll("[data-since]"))
      each.textContent = word("near_age", { age: span(now() - Number(each.dataset.since)) });
  }
}

function row(incident, at) {
  const item = element("li");
  item.dataset.state = incident.state;
  const head = element("p", "near-head");
  const away = incident.distance_m === null ? word("near_address") : word("near_metres", { count: incident.distance_m });
  const age = element("span", "near-age");
  age.dataset.since = incident.opened_at_ms;
  head.append(element("strong", "", away), " · ", age, " · ", whatWord(incident));
  const state = word(`state_${incident.state}`, { officer: incident.officer });
  const place = element("p", "near-place", incident.address ?? "");
  const text = element("p", "near-text", incident.text ? `${state} · ${incident.text}` : state);
  const button = element("button", "quiet");
  button.type = "button";
  button.dataset.at = at;
  // Tab goes from field to field; this has a key of its own.
  button.tabIndex = -1;
  button.append(element("span", "", word("near_add")), " ", element("kbd", "", NOTE_KEYS[at]));
  item.append(head, place, text, button);
  return item;
}
