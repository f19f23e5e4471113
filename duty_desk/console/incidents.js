// The incidents of the page: which there are, in which order, which one stands large.

import { isOver } from "./states.js";

const CLOSED_SHOWN = 5;

const DRILL = 2;
const HANDLED = 4;

// Unanswered first, then those being handled, the oldest of each on top. Among the unanswered, whatever is no drill or
// test comes first: accepting with one key must never take a test while a person waits.
function rank(incident) {
  if (incident.state !== "open" && !incident.ringing) return HANDLED;
  return (isDrill(incident) ? DRILL : 0) + (incident.state === "open" ? 0 : 1);
}

function isDrill(incident) {
  return incident.status !== "Actual";
}

function same(name) {
  return name.trim().replace(/\s+/g, " ").toLowerCase();
}

function byUrgency(one, other) {
  return rank(one) - rank(other) || one.opened_at_ms - other.opened_at_ms || one.id.localeCompare(other.id);
}

export class Incidents {
  constructor() {
    this.all = new Map();
    this.selected = null;
    this.officer = "";
  }

  replace(incidents) {
    this.all = new Map(incidents.map((incident) => [incident.id, incident]));
  }

  // The answer to a request may come after news that is newer than it.
  put(incident) {
    if (incident.revision < (this.all.get(incident.id)?.revision ?? 0)) return;
    this.all.set(incident.id, incident);
    for (const old of this.closed().slice(CLOSED_SHOWN)) this.all.delete(old.id);
  }

  active() {
    return [...this.all.values()].filter((incident) => !isOver(incident)).sort(byUrgency);
  }

  closed() {
    return [...this.all.values()]
      .filter((incident) => isOver(incident))
      .sort((one, other) => other.ended_at_ms - one.ended_at_ms);
  }

  recentlyClosed() {
    return this.closed().slice(0, CLOSED_SHOWN);
  }

  // Whether the officer at this screen has it.
  owns(incident) {
    return incident.officer !== null && same(incident.officer) === same(this.officer);
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
      .filter((incident) => rank(incident) === HANDLED && this.owns(incident))
      .sort((one, other) => isDrill(one) - isDrill(other) || other.accepted_at_ms - one.accepted_at_ms);
    if (rank(active[0]) < HANDLED && !(own.length > 0 && !isDrill(own[0]))) return active[0];
    return own[0] ?? active[0];
  }

  select(step) {
    const active = this.active();
    if (active.length === 0) return;
    const at = active.findIndex((incident) => incident.id === this.hero().id);
    this.selected = active[Math.min(active.length - 1, Math.max(0, at + step))].id;
  }

  // What the siren has to sound for.
  loudest() {
    const ringing = this.active().filter((incident) => incident.ringing);
    if (ringing.some((incident) => incident.status === "Actual")) return "alarm";
    return ringing.length > 0 ? "drill" : null;
  }
}
