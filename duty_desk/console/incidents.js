// The incidents of the page: which there are, in which order, which one stands large, which of them ring here.

import { byUrgency, DRILL, HANDLED, rank } from "./order.js";
import { isDrill, isOver, isWaiting } from "./states.js";

const CLOSED_SHOWN = 5;

function same(name) {
  return name.trim().replace(/\s+/g, " ").toLowerCase();
}

export class Incidents {
  constructor() {
    this.all = new Map();
    this.selected = null;
    this.officer = "";
    this.role = "viewer";
    this.sorted = null;
  }

  replace(incidents) {
    this.all = new Map(incidents.map((incident) => [incident.id, incident]));
    this.sorted = null;
  }

  // The answer to a request may come after news that is newer than it.
  put(incident) {
    if (incident.revision < (this.all.get(incident.id)?.revision ?? 0)) return;
    this.all.set(incident.id, incident);
    this.sorted = null;
    if (isOver(incident)) for (const old of this.closed().slice(CLOSED_SHOWN)) this.all.delete(old.id);
  }

  // The most urgent first. The array is shared: look at it, do not change it.
  active() {
    this.sorted ??= [...this.all.values()].filter((incident) => !isOver(incident)).sort(byUrgency);
    return this.sorted;
  }

  closed() {
    return [...this.all.values()]
      .filter((incident) => isOver(incident))
      .sort((one, other) => other.ended_at_ms - one.ended_at_ms);
  }

  recentlyClosed() {
    return this.closed().slice(0, CLOSED_SHOWN);
  }

  // How many nobody has taken yet.
  open() {
    return this.active().filter((incident) => incident.state === "open").length;
  }

  // Whether the officer at this screen has it.
  owns(incident) {
    return incident.officer !== null && same(incident.officer) === same(this.officer);
  }

  // The first that nobody has answered, if there is one.
  urgent() {
    const first = this.active()[0];
    return first && isWaiting(first) ? first : null;
  }

  // The one that stands large: what the officer selected, else what nobody answered, else what this officer took last.
  // A drill or test never takes the place of a real one that this officer has in hand.
  hero() {
    const selected = this.all.get(this.selected);
    if (selected && !isOver(selected)) return selected;
    this.selected = null;
    const active = this.active();
    if (active.length === 0 || rank(active[0]) < DRILL) return active[0] ?? null;
    const own = active
      .filter((incident) => rank(incident) >= HANDLED && this.owns(incident))
      .sort((one, other) => order(one) - order(other) || other.accepted_at_ms - one.accepted_at_ms);
    if (rank(active[0]) < HANDLED && !(own.length > 0 && !isDrill(own[0]))) return active[0];
    return own[0] ?? active[0];
  }

  select(step) {
    const active = this.active();
    if (active.length === 0) return;
    const at = active.indexOf(this.hero());
    this.selected = active[Math.min(active.length - 1, Math.max(0, at + step))].id;
  }

  // What the siren has to sound for, at a screen of this role.
  loudest() {
    let found = null;
    for (const incident of this.active()) {
      if (!ringsFor(incident, this.role)) continue;
      if (!isDrill(incident)) return "alarm";
      found = "drill";
    }
    return found;
  }
}

// Whom it rings by now, as the escalation says; officers, until its first step is told.
function ringsFor({ ringing, rings, step }, role) {
  if (!ringing) return false;
  if (rings.length === 0) return step < 0 && role === "officer";
  return rings.includes("everyone") || rings.includes(role);
}

// Among those an officer has: what is not over yet before what is, real before drills.
function order(incident) {
  return Number(isDrill(incident)) * 2 + Number(incident.state === "resolved");
}
