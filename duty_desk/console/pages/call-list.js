// This call-taker's calls: what became of each, the latest on top, those that the desk did not answer yet above all.

import { span, timeOfDay, word } from "../words.js";
import { whatWord } from "./call-near.js";
import { $, element, now } from "./shared.js";

const SHIFT_MS = 12 * 3600 * 1000;
const SHOWN = 40;

export class Calls {
  // `again` is called with a call that shall be typed on, `dropped` with the key of one that goes away.
  constructor({ mine, again, dropped }) {
    this.mine = mine;
    this.all = new Map();
    this.notes = [];
    $("calls-list").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const call = this.kept.get(button.dataset.key);
      this.kept.delete(button.dataset.key);
      this.notes = this.notes.filter((note) => note.key !== button.dataset.key);
      dropped(button.dataset.key);
      again(call);
    });
    this.kept = new Map();
  }

  replace(incidents) {
    const known = new Map(incidents.filter((incident) => this.mine(incident)).map((one) => [one.id, one]));
    // The desk remembers the latest that ended; what this page saw end stays here for the shift.
    for (const [id, old] of this.all) if (!known.has(id) && old.ended_at_ms) known.set(id, old);
    this.all = known;
  }

  put(incident) {
    if (!this.mine(incident)) return;
    if (incident.revision < (this.all.get(incident.id)?.revision ?? 0)) return;
    this.all.set(incident.id, incident);
  }

  noted(note) {
    this.notes = [note, ...this.notes].slice(0, SHOWN);
  }

  latest() {
    const since = now() - SHIFT_MS;
    const rows = [...this.all.values(), ...this.notes].filter((one) => one.opened_at_ms >= since);
    return rows.sort((one, other) => other.opened_at_ms - one.opened_at_ms).slice(0, SHOWN);
  }

  render(sending) {
    const latest = this.latest();
    const rows = [...sending.toReversed().map((one) => this.onTheWay(one)), ...latest.map((one) => this.row(one))];
    $("calls-list").replaceChildren(...rows);
    $("calls-none").hidden = rows.length > 0;
    $("calls-count").textContent = latest.length > 0 ? word("calls_count", { count: latest.length }) : "";
    this.age();
  }

  age() {
    for (const each of $("calls-list").querySelectorAll("[data-since]"))
      each.textContent = span((Number(each.dataset.until) || now()) - Number(each.dataset.since));
  }

  onTheWay(one) {
    const state = one.state === "refused" ? "refused" : one.state === "waiting" ? "waiting" : "sending";
    const told = word(`sending_${state}`, { time: timeOfDay(one.at_ms) });
    const item = made(state, told, one.call.address || word("place_point"), whatWord(one.call), one.call.text);
    if (state !== "sending") item.append(element("p", "why", word(`why_${reason(one.code)}`, { code: one.code })));
    if (state === "refused") item.append(this.button(one.key, one.call, "again"));
    return item;
  }

  row(one) {
    if (one.note) {
      const item = made("noted", word("noted", { address: one.on }), one.call.address, whatWord(one.call), one.call.text);
      item.append(this.button(one.key, one.call, "ring_anyway"));
      return item;
    }
    const item = made(one.state, this.stateWord(one), one.address ?? word("place_point"), whatWord(one.call), one.call.text);
    item.dataset.id = one.id;
    item.dataset.recorded = String(one.recorded);
    const age = element("span", "age");
    age.dataset.since = one.opened_at_ms;
    age.dataset.until = one.ended_at_ms ?? "";
    item.firstChild.append(age);
    const recorded = element("p", one.recorded ? "recorded" : "unrecorded", word(one.recorded ? "recorded" : "not_recorded"));
    item.append(recorded);
    const latest = one.notes.at(-1);
    if (latest) item.append(element("p", "note", word("note_of", { officer: latest.officer, text: latest.text })));
    return item;
  }

  stateWord(one) {
    const state = word(`state_${one.state}`, { officer: one.officer });
    return one.reason ? word("state_why", { state, reason: word(`reason_${one.reason}`) }) : state;
  }

  button(key, call, name) {
    this.kept.set(key, call);
    const button = element("button", "quiet", word(name));
    button.type = "button";
    button.dataset.key = key;
    return button;
  }
}

function reason(code) {
  const known = ["unreachable", "no_session", "wrong_role", "invalid", "ledger_full"];
  return known.includes(code) ? code : "other";
}

function made(state, told, place, what, text) {
  const item = element("li", "call");
  item.dataset.state = state;
  const head = element("p", "call-head");
  head.append(element("strong", "call-state", told));
  item.append(head, element("p", "call-place", place), element("p", "call-text", text ? `${what} · ${text}` : what));
  return item;
}
