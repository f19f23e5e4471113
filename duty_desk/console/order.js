// In which order incidents stand. One key takes the first, so nobody who waits may stand behind what can wait:
// people before what a device noticed by itself, that before drills and tests, and among equals the oldest.

import { isDrill, isTechnical, isWaiting } from "./states.js";

const TECHNICAL = 2;
export const DRILL = 4;
export const HANDLED = 6;
const RESOLVED = 8;

export function rank(incident) {
  if (incident.state === "resolved") return RESOLVED + Number(isDrill(incident));
  if (!isWaiting(incident)) return HANDLED + Number(isDrill(incident));
  const again = Number(incident.state !== "open");
  if (isDrill(incident)) return DRILL + again;
  return (isTechnical(incident) ? TECHNICAL : 0) + again;
}

export function byUrgency(one, other) {
  return rank(one) - rank(other) || one.opened_at_ms - other.opened_at_ms || (one.id < other.id ? -1 : 1);
}
