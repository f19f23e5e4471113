// Which buttons the desk cannot reach: the strip that says so, and what an idle screen may claim.

import { moment, word } from "./words.js";

const SHOWN = 40;
const $ = (id) => document.getElementById(id);

export class Reach {
  constructor() {
    this.checking = 0;
    this.unreachable = [];
    this.known = false;
  }

  replace({ checking, unreachable }) {
    this.checking = checking;
    this.unreachable = unreachable;
    this.known = true;
  }

  // As the map names a button.
  keys() {
    return new Map(this.unreachable.map((one) => [`${one.device}/${one.button}`, since(one)]));
  }

  title() {
    const count = this.unreachable.length;
    return word(count === 1 ? "reach_one" : "reach_many", { count });
  }

  // What the large place says while nothing happens. `live`: whether the desk is heard at all.
  idle(live) {
    if (!live || !this.known) return { look: "waiting", badge: "state_waiting", title: "idle_waiting", text: "idle_unknown" };
    if (this.unreachable.length > 0)
      return { look: "partial", badge: "state_partial", title: "idle", text: "idle_partial", lead: this.title() };
    const text = this.checking > 0 ? "idle_checking" : "idle_text";
    return { look: "good", badge: "state_none", title: "idle", text };
  }
}

function since({ state, before, since_ms }) {
  return word(`reach_${state}${before ? "_before" : ""}`, { time: moment(since_ms) });
}

export function renderReach(reach) {
  const { unreachable } = reach;
  $("reach").hidden = unreachable.length === 0;
  $("reach-title").textContent = unreachable.length > 0 ? reach.title() : "";
  const items = unreachable.slice(0, SHOWN).map((one) => line(one.address, since(one)));
  if (unreachable.length > SHOWN) items.push(line(word("reach_rest", { count: unreachable.length - SHOWN }), ""));
  $("reach-list").replaceChildren(...items);
}

function line(place, text) {
  const item = document.createElement("li");
  const name = document.createElement("b");
  name.textContent = place;
  item.append(name, " ", text);
  return item;
}
