// What an incident's state means to the page.

export const isOver = (incident) => incident.state === "closed" || incident.state === "cancelled";
// Somebody has it and it is not finished: it can be closed.
export const isHandled = (incident) => ["accepted", "on_the_way", "resolved"].includes(incident.state);
