// The incidents of the page: which there are, in which order, which one stands large.

const CLOSED_SHOWN = 5;

// Unanswered first, the oldest on top; then those being handled, the oldest on top.
function rank(incident) {
  if (incident.state === "open") return 0;
  return incident.ringing ? 1 : 2;
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
    return [...this.all.values()].filter((incident) => incident.state !== "closed").sort(byUrgency);
  }

  closed() {
    return [...this.all.values()]
      .filter((incident) => incident.state === "closed")
      .sort((one, other) => other.closed_at_ms - one.closed_at_ms);
  }

  recentlyClosed() {
    return this.closed().slice(0, CLOSED_SHOWN);
  }

  // Whether the officer at this screen has it.
  owns(incident) {
    return incident.officer !== null && same(incident.officer) === same(this.officer);
  }

  // The one that stands large: what the officer selected, else what nobody answered, else what this officer took last.
  hero() {
    const selected = this.all.get(this.selected);
    if (selected && selected.state !== "closed") return selected;
    this.selected = null;
    const active = this.active();
    if (active.length === 0 || rank(active[0]) < 2) return active[0] ?? null;
    const own = active.filter((incident) => this.owns(incident));
    return own.sort((one, other) => other.accepted_at_ms - one.accepted_at_ms)[0] ?? active[0];
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
