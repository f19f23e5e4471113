// The incident that stands large, and the rows below it. Everything that came from outside goes in by textContent.

import { isHandled } from "./states.js";
import { has, language, span, timeOfDay, word } from "./words.js";

const ROWS_SHOWN = 4;
const $ = (id) => document.getElementById(id);

export function address(incident) {
  return incident.address ?? word("unknown_place", { device: incident.device });
}

function deviceLine(incident) {
  const button = incident.button === "unknown" ? word("unknown_button") : incident.button;
  const name = incident.device_label ? `${incident.device_label} (${incident.device})` : incident.device;
  return word("device", { device: name, button });
}

function stateWord(incident) {
  return word(`state_${incident.state}`, { officer: incident.officer });
}

function countWord(incident) {
  const { presses: count, unanswered } = incident;
  const further = isHandled(incident) && unanswered > 0;
  return word(further ? "count_new" : "count", { count, unanswered });
}

function text(id, value) {
  const element = $(id);
  if (element.textContent !== value) element.textContent = value;
}

function look(incident) {
  if (incident.state === "open") return "open";
  return incident.ringing ? "again" : incident.state;
}

// `idle` tells what may be said while there is no incident.
export function renderHero(incident, idle) {
  const hero = $("hero");
  hero.dataset.state = incident ? look(incident) : "none";
  hero.dataset.status = incident?.status ?? "";
  hero.dataset.idle = incident ? "" : idle.look;
  hero.dataset.incident = incident?.id ?? "";
  for (const id of ["hero-actions", "hero-more"]) $(id).hidden = !incident;
  if (!incident) {
    renderIdle(idle);
    return;
  }
  text("hero-state", stateWord(incident));
  badge("hero-drill", incident.status !== "Actual", word(`status_${incident.status}`));
  badge("hero-unrecorded", !incident.recorded);
  badge("hero-incomplete", incident.incomplete);
  badge("hero-count", incident.presses > 1, countWord(incident));
  text("hero-address", address(incident));
  text("hero-device", deviceLine(incident));
  renderActions(incident);
  renderMore(incident);
}

function renderIdle(idle) {
  text("hero-state", word(idle.badge));
  for (const id of ["hero-drill", "hero-unrecorded", "hero-incomplete", "hero-count"]) badge(id, false);
  text("hero-address", word(idle.title));
  text("hero-device", idle.lead ? `${idle.lead}. ${word(idle.text)}` : word(idle.text));
  text("hero-age", "");
  text("hero-since", "");
}

function badge(id, visible, value) {
  $(id).hidden = !visible;
  if (visible && value !== undefined) text(id, value);
}

function renderActions(incident) {
  const open = incident.state === "open";
  $("accept").hidden = !open && !incident.ringing;
  text("accept-word", word(open ? "accept" : "answer"));
  $("close").hidden = !isHandled(incident);
}

function renderMore(incident) {
  const instructions = incident.instructions[language()] || incident.instructions.id || incident.instructions.en;
  $("hero-instructions").hidden = !instructions;
  text("hero-instructions-text", instructions);
  const photo = $("hero-photo");
  photo.hidden = !incident.photo || photo.dataset.broken === incident.photo;
  if (incident.photo && photo.getAttribute("src") !== incident.photo) photo.src = incident.photo;
  photo.alt = word("photo", { address: address(incident) });
  $("hero-rows").replaceChildren(...incident.rows.slice(-ROWS_SHOWN).reverse().map(pressRow));
}

function pressRow(row) {
  const item = document.createElement("li");
  const parts = [timeOfDay(row.pressed_at_ms), has(`cause_${row.cause}`) ? word(`cause_${row.cause}`) : row.cause];
  if (row.lane === "telemetry") parts.push(word("lane_telemetry"));
  if (row.detail) parts.push(row.detail);
  if (row.incomplete) parts.push(word("row_incomplete", { fault: row.fault }));
  item.textContent = parts.join(" · ");
  return item;
}

// Ages count on; `now` is the centre's time in ms.
export function renderAges(incident, now) {
  if (incident) {
    const running = incident.state === "open";
    text("hero-age", span((running ? now : incident.accepted_at_ms) - incident.opened_at_ms));
    text("hero-since", word(running ? "since_pressed" : "took"));
  }
  for (const element of document.querySelectorAll("[data-since]")) {
    const value = span((Number(element.dataset.until) || now) - Number(element.dataset.since));
    if (element.textContent !== value) element.textContent = value;
  }
}

export function renderList(list, incidents, now) {
  const items = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const wanted = incidents.map((incident) => fill(items.get(incident.id) ?? row(incident.id), incident, now));
  for (const item of items.values()) if (!wanted.includes(item)) item.remove();
  // Elements that stay where they are keep their focus.
  wanted.forEach((item, at) => {
    if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null);
  });
}

function row(id) {
  const item = document.createElement("li");
  item.dataset.id = id;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "row";
  for (const name of ["row-state", "row-address", "row-age", "row-device", "row-marks"]) {
    const part = document.createElement("span");
    part.className = name;
    button.append(part);
  }
  item.append(button);
  return item;
}

function fill(item, incident, now) {
  item.dataset.state = look(incident);
  item.dataset.status = incident.status;
  const [state, place, age, device, marks] = item.firstChild.children;
  state.textContent = stateWord(incident);
  place.textContent = address(incident);
  age.dataset.since = incident.opened_at_ms;
  age.dataset.until = incident.ended_at_ms ?? incident.accepted_at_ms ?? "";
  age.textContent = span((Number(age.dataset.until) || now) - incident.opened_at_ms);
  device.textContent = deviceLine(incident);
  const words = [];
  if (incident.status !== "Actual") words.push(word(`status_${incident.status}`));
  if (incident.presses > 1) words.push(countWord(incident));
  if (!incident.recorded) words.push(word("not_recorded"));
  if (incident.incomplete) words.push(word("incomplete"));
  marks.textContent = words.join(" · ");
  return item;
}
