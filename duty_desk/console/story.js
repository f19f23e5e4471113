// What happened with the large incident, from the ledger; from what the page itself knows while the ledger is silent.

import { get } from "./api.js";
import { $, made, text } from "./dom.js";
import { nextWords } from "./next_step.js";
import { toldBy } from "./story_words.js";
import { timeOfDay, word } from "./words.js";

const AGAIN_MS = 700;
// What other screens tell of it changes no incident.
const OLD_MS = 10_000;
const SHOWN = 200;

export class Story {
  constructor() {
    this.incident = null;
    this.entries = [];
    this.fetched = "";
    this.fetchedAt = 0;
    this.timer = 0;
    this.ask = null;
    this.steps = [];
  }

  show(incident) {
    const changed = incident?.id !== this.incident?.id;
    this.incident = incident;
    $("story").hidden = incident === null;
    if (changed) {
      this.ask?.abort();
      this.ask = null;
      this.entries = [];
      this.steps = [];
      this.fetched = "";
    }
    if (incident === null) return;
    if (changed) this.draw();
    if (this.fetched !== `${incident.id} ${incident.revision}`) this.soon(changed ? 50 : AGAIN_MS);
  }

  again() {
    if (this.incident !== null) this.soon(AGAIN_MS);
  }

  soon(ms) {
    if (this.timer !== 0) return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.fetch();
    }, ms);
  }

  async fetch() {
    const { incident } = this;
    if (incident === null || this.ask !== null) return;
    const name = `${incident.id} ${incident.revision}`;
    this.ask = new AbortController();
    const limit = AbortSignal.any([this.ask.signal, AbortSignal.timeout(5000)]);
    // Each by itself: the desk has its plan while the ledger is silent.
    const [past, plan] = await Promise.all([
      get(`/api/incidents/${incident.id}/timeline`, limit).catch(() => null),
      incident.ringing ? get(`/api/upcoming/${incident.id}`, limit).catch(() => null) : null,
    ]);
    if (this.incident?.id !== incident.id) return;
    this.entries = past?.lines ?? [];
    this.steps = plan?.steps ?? this.steps;
    this.ask = null;
    this.fetched = name;
    this.fetchedAt = performance.now();
    this.draw();
    if (this.incident.revision !== incident.revision) this.soon(AGAIN_MS);
  }

  draw() {
    if (this.incident === null) return;
    const list = $("story-list");
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    const lines = toldBy(this.entries.length > 0 ? this.entries : known(this.incident));
    list.replaceChildren(...lines.slice(-SHOWN).map(line));
    if (atEnd) list.scrollTop = list.scrollHeight;
  }

  // What happens next, and when; `now` is the centre's time in ms.
  tick(now) {
    const { incident } = this;
    if (incident !== null && performance.now() - this.fetchedAt > OLD_MS) this.soon(0);
    const next = incident?.ringing ? nextWords(this.steps, now) : null;
    $("story-next").hidden = next === null;
    if (next !== null) text($("story-next"), next);
  }
}

// The same, from the view of the incident alone.
function known(incident) {
  const entries = incident.rows.map((row) => ({ ...row, at_ms: row.received_at_ms, kind: row.cause === "call" ? "call" : "press" }));
  for (const note of incident.notes) entries.push({ at_ms: note.at_ms, kind: "note", who: note.officer, text: note.text });
  const acts = { accept: incident.accepted_at_ms, depart: incident.departed_at_ms, resolve: incident.resolved_at_ms };
  for (const [kind, at_ms] of Object.entries(acts))
    if (at_ms !== null)
      entries.push({ at_ms, kind, who: kind === "accept" ? incident.accepted_by : incident.officer, sequence: incident.recorded ? undefined : null });
  return entries.sort((one, other) => one.at_ms - other.at_ms);
}

function line({ at_ms, kind, title, detail, unrecorded }) {
  const item = made("li", "story-line");
  item.dataset.kind = kind;
  const body = made("div", "story-body");
  body.append(made("span", "story-title", title));
  if (detail) body.append(made("p", "story-detail", detail));
  if (unrecorded) body.append(made("span", "story-mark", word("not_recorded")));
  item.append(made("time", "story-time", timeOfDay(at_ms)), body);
  return item;
}
