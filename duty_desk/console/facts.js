// What is said of an incident in one line: where it is, what it came from, who has it.

import { isDrill, isHandled, isTechnical } from "./states.js";
import { has, word } from "./words.js";

export function address(incident) {
  if (incident.address) return incident.address;
  if (incident.device) return word("unknown_place", { device: incident.device });
  if (incident.latitude !== null)
    return word("point", { latitude: incident.latitude.toFixed(5), longitude: incident.longitude.toFixed(5) });
  return word("no_place");
}

// The button and its box, or what was reported and by whom it was taken.
export function sourceLine(incident) {
  const { call } = incident;
  if (call) {
    const key = `origin_${incident.origin}`;
    const parts = [word(has(key) ? key : "origin_other"), word(`category_${call.category}`)];
    parts.push(word("taken_by", { officer: call.taken_by }));
    return parts.join(" · ");
  }
  const name = incident.device_label ? `${incident.device_label} (${incident.device})` : incident.device;
  const button = incident.button === "unknown" ? word("unknown_button") : incident.button;
  return button === null ? word("device_alone", { device: name }) : word("device", { device: name, button });
}

export function causeWord(cause) {
  return has(`cause_${cause}`) ? word(`cause_${cause}`) : cause;
}

export function stateWord(incident) {
  if (incident.state === "cancelled" && incident.reason)
    return word("state_cancelled_for", { reason: word(`reason_${incident.reason}`) });
  return word(`state_${incident.state}`, { officer: incident.officer });
}

export function countWord(incident) {
  const { presses: count, unanswered } = incident;
  const further = isHandled(incident) && unanswered > 0;
  return word(further ? "count_new" : "count", { count, unanswered });
}

// What kind it is, beside a real press or call: a drill, a test, what a device noticed.
export function kindWord(incident) {
  if (isDrill(incident)) return word(`status_${incident.status}`);
  if (!isTechnical(incident)) return null;
  return causeWord(incident.rows[0].cause);
}

export function look(incident) {
  if (incident.state === "open") return "open";
  return incident.ringing ? "again" : incident.state;
}

export function grave(incident) {
  if (isDrill(incident)) return "drill";
  return isTechnical(incident) ? "technical" : "person";
}
