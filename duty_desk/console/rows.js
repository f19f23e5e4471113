// The rows below the large incident. Of a long list only a window is in the page: as many rows as several screens hold,
// moved on when somebody scrolls to its edge. What is outside it costs nothing but its place in an array.

import { made, text } from "./dom.js";
import { address, countWord, grave, kindWord, look, sourceLine, stateWord } from "./facts.js";
import { span, word } from "./words.js";

const SIZE = 60;
const STEP = 20;
const PARTS = ["row-state", "row-address", "row-age", "row-device", "row-marks"];

export class Rows {
  constructor(list) {
    this.list = list;
    this.all = [];
    this.first = 0;
  }

  show(incidents, now) {
    this.all = incidents;
    this.first = Math.max(0, Math.min(this.first, incidents.length - SIZE));
    this.draw(now);
  }

  draw(now) {
    renderRows(this.list, this.all.slice(this.first, this.first + SIZE), now);
  }

  get before() {
    return this.all.slice(0, this.first);
  }

  get after() {
    return this.all.slice(this.first + SIZE);
  }

  // Moves the window; tells whether there was anywhere to go.
  move(direction, now) {
    const first = Math.max(0, Math.min(this.first + direction * STEP, this.all.length - SIZE));
    if (first === this.first) return false;
    this.first = first;
    this.draw(now);
    return true;
  }

  // Brings the row at this place of the whole list into sight.
  reveal(at, now) {
    if (at < this.first || at >= this.first + SIZE) {
      this.first = Math.max(0, Math.min(at - STEP, this.all.length - SIZE));
      this.draw(now);
    }
    this.list.children[at - this.first]?.scrollIntoView({ block: "nearest" });
  }
}

export function renderRows(list, incidents, now) {
  const items = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const wanted = incidents.map((incident) => fill(items.get(incident.id) ?? row(incident.id), incident, now));
  const kept = new Set(wanted);
  for (const item of items.values()) if (!kept.has(item)) item.remove();
  // Elements that stay where they are keep their focus.
  wanted.forEach((item, at) => {
    if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null);
  });
}

function row(id) {
  const item = document.createElement("li");
  item.dataset.id = id;
  const button = made("button", "row");
  button.type = "button";
  button.append(...PARTS.map((name) => made("span", name)));
  item.append(button);
  return item;
}

function fill(item, incident, now) {
  item.dataset.state = look(incident);
  item.dataset.grave = grave(incident);
  item.dataset.status = incident.status;
  const [state, place, age, device, marks] = item.firstChild.children;
  text(state, stateWord(incident));
  text(place, address(incident));
  age.dataset.since = incident.opened_at_ms;
  age.dataset.until = incident.ended_at_ms ?? incident.accepted_at_ms ?? "";
  text(age, span((Number(age.dataset.until) || now) - incident.opened_at_ms));
  text(device, sourceLine(incident));
  const words = [kindWord(incident)];
  if (incident.presses > 1) words.push(countWord(incident));
  if (!incident.recorded) words.push(word("not_recorded"));
  if (incident.incomplete) words.push(word("incomplete"));
  text(marks, words.filter(Boolean).join(" · "));
  return item;
}
