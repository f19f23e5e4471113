// What an incident's state means to the page, as the desk's table of transitions has it.

const OFFERED = {
  open: ["accept", "cancel"],
  accepted: ["depart", "resolve", "close", "cancel"],
  on_the_way: ["resolve", "close", "cancel"],
  resolved: ["close"],
};

export const isOver = (incident) => incident.state === "closed" || incident.state === "cancelled";
// Somebody has it and it is not finished.
export const isHandled = (incident) => ["accepted", "on_the_way", "resolved"].includes(incident.state);
export const isDrill = (incident) => incident.status !== "Actual";
// What a device noticed by itself; no person calls for help by it.
export const isTechnical = (incident) => incident.origin === "threshold" || incident.origin === "fault";
export const isWaiting = (incident) => incident.state === "open" || incident.ringing;

// What may be done with it, by a session with these permissions.
export function offered(incident, may) {
  const found = may("act") ? [...(OFFERED[incident.state] ?? [])] : [];
  if (may("act") && incident.ringing && ["accepted", "on_the_way"].includes(incident.state)) found.unshift("answer");
  if (may("note")) found.push("note");
  return found;
}
