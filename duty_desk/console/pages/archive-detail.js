// One incident with everything the ledger has of it.

import { day, has, timeOfDay, word } from "../words.js";
import { hop, times } from "./archive-times.js";
import { $, element, faultWord, get, may, notice, post } from "./shared.js";

export function stateWord(incident) {
  const state = word(`state_${incident.state}`);
  return incident.reason ? word("state_why", { state, reason: word(`reason_${incident.reason}`) }) : state;
}

export function placeWord(incident) {
  if (incident.address) return incident.address;
  return incident.device ? word("unknown_place", { device: incident.device }) : word("erased");
}

export function whatWord(incident) {
  const what = incident.category ? word(`category_${incident.category}`) : word(`origin_${incident.origin}`);
  return incident.status === "Actual" ? what : `${word(`status_${incident.status}`)} · ${what}`;
}

export class Detail {
  // `closed` is called when it goes away.
  constructor({ closed }) {
    this.closed = closed;
    this.id = null;
    this.incident = null;
    this.lines = [];
    this.after = null;
    this.asked = 0;
    $("detail-close").addEventListener("click", () => this.close());
    $("timeline-more").addEventListener("click", () => this.more());
    $("note-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.write();
    });
    $("note").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.write();
    });
  }

  get open() {
    return this.id !== null;
  }

  async show(id, incident = null) {
    if (this.id !== id) $("note").value = "";
    Object.assign(this, { id, incident, lines: [], after: null });
    $("detail").hidden = false;
    this.render();
    $("detail").scrollTop = 0;
    await this.load(0);
  }

  close() {
    if (!this.open) return;
    this.id = null;
    this.asked += 1;
    $("detail").hidden = true;
    this.closed();
  }

  more() {
    if (this.after !== null) this.load(this.after);
  }

  async load(after) {
    const number = (this.asked += 1);
    let fault = null;
    try {
      const told = await get(`/api/incidents/${encodeURIComponent(this.id)}/timeline?after=${after}`);
      if (number !== this.asked) return;
      this.incident = told.incident ?? this.incident;
      this.lines = after > 0 ? [...this.lines, ...told.lines] : told.lines;
      this.after = told.after;
      if (told.ledger_fault) fault = word("fault_ledger_unreadable");
    } catch (refused) {
      if (number !== this.asked) return;
      fault = faultWord(refused, { has, word });
    }
    $("detail-fault").hidden = fault === null;
    $("detail-fault").textContent = fault ?? "";
    this.render();
  }

  async write() {
    const note = $("note").value.trim();
    if (!note || this.writing) return;
    const { id } = this;
    this.writing = true;
    try {
      const { line } = await post(`/api/archive/${encodeURIComponent(id)}/note`, { note });
      if (this.id === id) {
        $("note").value = "";
        this.lines.push(line);
        this.render();
      }
      notice(word("done_note"), "done");
    } catch (fault) {
      notice(faultWord(fault, { has, word }), "fault");
    } finally {
      this.writing = false;
    }
  }

  render() {
    if (!this.open) return;
    const { incident } = this;
    $("detail-state").textContent = incident ? stateWord(incident) : "";
    $("detail").dataset.state = incident?.state ?? "";
    $("detail-title").textContent = incident ? placeWord(incident) : "";
    $("detail-what").textContent = incident ? this.what(incident) : "";
    $("detail-times").replaceChildren(...(incident ? times(incident) : []));
    $("timeline").replaceChildren(...this.lines.map((one, at) => line(one, this.lines[at - 1])));
    $("timeline-more").hidden = this.after === null;
    $("note-form").hidden = !may("note");
    $("detail-id").textContent = word("incident_id", { id: this.id });
  }

  what(incident) {
    const parts = [whatWord(incident), `${day(incident.opened_at_ms)} ${timeOfDay(incident.opened_at_ms)}`];
    if (incident.device) parts.push(incident.device_label ?? incident.device);
    if (incident.presses > 1) parts.push(word("presses", { count: incident.presses }));
    if (incident.escalated > 0) parts.push(word("escalated_to", { step: incident.escalated + 1 }));
    if (incident.officer) parts.push(incident.officer);
    return parts.join(" · ");
  }
}

// Times are the centre's. A clock that nothing kept is told, as are hops, screens, and what is not recorded yet.
function line(one, before) {
  const item = element("li");
  item.dataset.kind = one.kind;
  if (one.at_ms && (!before || day(before.at_ms) !== day(one.at_ms))) item.append(element("p", "day", day(one.at_ms)));
  const head = element("p", "line-head");
  head.append(
    element("time", "line-time", one.at_ms ? timeOfDay(one.at_ms, { fractionalSecondDigits: 3 }) : ""),
    " ",
    element("strong", "", titleOf(one)),
  );
  item.append(head);
  const more = [one.screen, one.at_clock === "none" ? word("clock_none") : null, ...hops(one)].filter(Boolean);
  const row = one.sequence === null ? word("not_recorded") : word("row", { row: one.sequence });
  const foot = element("p", "line-foot", [...more, row].join(" · "));
  if (one.sequence === null) foot.classList.add("pending");
  const text = textOf(one);
  if (text) item.append(element("p", "line-text", text));
  item.append(foot);
  return item;
}

function titleOf(one) {
  const what = word(`kind_${one.kind}`, {
    cause: one.cause && has(`cause_${one.cause}`) ? word(`cause_${one.cause}`) : one.cause,
    what: one.category ? word(`category_${one.category}`) : "",
    origin: one.origin ? word(`origin_${one.origin}`) : "",
    step: (one.step ?? 0) + 1,
    reason: one.reason ? word(`reason_${one.reason}`) : "",
  });
  return one.who ? `${what} · ${one.who}` : what;
}

function textOf(one) {
  const parts = [one.address, one.text];
  if (one.caller) parts.push(word("caller_is", { caller: one.caller }));
  if (one.rings?.length) parts.push(audience(one.rings));
  if (one.nobody?.length) parts.push(word("nobody", { who: audience(one.nobody) }));
  if (one.fields) parts.push(one.fields.map((name) => word(`field_${name}`)).join(", "));
  if (one.incomplete) parts.push(word("incomplete", { fault: one.fault }));
  if (one.channel) parts.push(known(`channel_${one.channel}`, one.channel));
  if (one.channel && one.outcome !== "answered") parts.push(known(`outcome_${one.outcome}`, one.outcome));
  if (one.detail) parts.push(known(one.outcome === "answered" ? `answer_${one.detail}` : `detail_${one.detail}`, one.detail));
  return parts.filter(Boolean).join(" · ");
}

function known(key, plain) {
  return has(key) ? word(key) : plain;
}

function audience(roles) {
  return roles.map((role) => (has(`rings_${role}`) ? word(`rings_${role}`) : role)).join(", ");
}

function hops(one) {
  const told = [];
  if (one.kind === "press") {
    told.push(word("hop_press", { hop: hop(one.hop_ms) }), word(`lane_${one.lane}`));
    if (one.device_clock) told.push(word("device_clock", { clock: one.device_clock }));
    if (one.attempt > 1) told.push(word("attempt", { count: one.attempt }));
  } else if (one.hop_ms !== undefined && one.hop_ms !== null) {
    told.push(word(one.kind === "escalated" ? "hop_escalated" : "hop_screen", { hop: hop(one.hop_ms) }));
  }
  return told;
}
