// The archive: what was, found again, with every step against its target.

import { day, has, midnight, timeOfDay, word, zoneName } from "../words.js";
import { Detail, placeWord, stateWord, whatWord } from "./archive-detail.js";
import { setTargets, spanOf } from "./archive-times.js";
import { $, begin, element, eventually, faultWord, get, lookIn, now } from "./shared.js";

const FIELDS = ["text", "from", "to", "state", "origin", "status", "officer"];
const LIMIT = 50;

let found = [];
let next = null;
// Where the pages before this one began, this one's beginning last; null is the beginning.
let begins = [null];
let at = -1;
let asked = 0;
let fault = null;
let loading = false;
let detail = null;

function query() {
  const values = new FormData($("filter"));
  const chosen = FIELDS.map((name) => [name, String(values.get(name) ?? "").trim()]).filter(([, value]) => value);
  return new URLSearchParams(chosen);
}

// What the desk is asked for: days begin and end in the city's zone.
function wanted() {
  const values = query();
  for (const [name, later] of [["from", 0], ["to", 1]]) {
    const date = values.get(name);
    if (date) values.set(name, new Date(midnight(date, later)).toISOString());
  }
  return values;
}

function fill(values) {
  for (const name of FIELDS) $("filter").elements[name].value = values.get(name) ?? "";
}

function remember() {
  const chosen = query().toString();
  const place = detail.open ? `#${detail.id}` : "";
  history.replaceState(null, "", `${location.pathname}${chosen ? `?${chosen}` : ""}${place}`);
  const all = wanted().toString();
  $("csv").href = `/api/archive.csv${all ? `?${all}` : ""}`;
}

async function load() {
  const number = (asked += 1);
  const values = wanted();
  values.set("limit", LIMIT);
  const begin = begins.at(-1);
  if (begin !== null) values.set("after", begin);
  loading = true;
  render();
  try {
    const answer = await get(`/api/archive?${values}`);
    if (number !== asked) return;
    found = answer.incidents;
    next = answer.after;
    fault = null;
  } catch (refused) {
    if (number !== asked) return;
    fault = refused;
    found = [];
    next = null;
  }
  loading = false;
  at = Math.min(at, found.length - 1);
  render();
}

function search() {
  begins = [null];
  at = -1;
  remember();
  load();
}

function older() {
  if (next === null || loading) return;
  begins.push(next);
  at = -1;
  load();
  $("rows").scrollTop = 0;
}

function newer() {
  if (begins.length < 2 || loading) return;
  begins.pop();
  at = -1;
  load();
  $("rows").scrollTop = 0;
}

function render() {
  $("rows-body").replaceChildren(...found.map(row));
  $("rows").hidden = found.length === 0;
  $("rows").setAttribute("aria-busy", String(loading));
  $("list-fault").hidden = fault === null;
  $("list-fault").textContent = fault ? faultWord(fault, { has, word }) : "";
  $("list-told").textContent = fault ? "" : told();
  $("newer").disabled = begins.length < 2;
  $("older").disabled = next === null;
}

function told() {
  if (loading && found.length === 0) return word("loading");
  if (found.length === 0) return word("nothing");
  const first = (begins.length - 1) * LIMIT + 1;
  return word(next === null ? "shown_all" : "shown", { first, last: first + found.length - 1 });
}

function row(incident, place) {
  const made = element("tr");
  made.dataset.id = incident.id;
  made.dataset.state = incident.state;
  made.dataset.status = incident.status;
  if (detail.id === incident.id) made.setAttribute("aria-current", "true");
  const opened = element("td", "opened");
  const button = element("button", "opens", day(incident.opened_at_ms));
  button.type = "button";
  button.append(" ", element("strong", "", timeOfDay(incident.opened_at_ms)));
  // One stop for the tab key; arrows go from row to row.
  button.tabIndex = place === Math.max(0, at) ? 0 : -1;
  opened.append(button);
  const state = element("td", "state", stateWord(incident));
  if (incident.officer) state.append(element("span", "by", ` · ${incident.officer}`));
  const what = element("td", "what", whatWord(incident));
  const marks = [];
  if (incident.presses > 1) marks.push(word("presses", { count: incident.presses }));
  if (incident.escalated > 0) marks.push(word("escalated_to", { step: incident.escalated + 1 }));
  if (marks.length > 0) what.append(element("span", "by", ` · ${marks.join(" · ")}`));
  made.append(opened, element("td", "where", placeWord(incident)), what, state);
  for (const step of ["accept", "depart", "resolve"]) {
    const cell = element("td", "number");
    cell.dataset.label = word(`col_${step}`);
    cell.append(spanOf(step, incident[`${step}_ms`]));
    made.append(cell);
  }
  return made;
}

async function open(place) {
  const incident = found[place];
  if (!incident) return;
  at = place;
  const shown = detail.show(incident.id, incident);
  remember();
  render();
  $("detail").focus({ preventScroll: true });
  await shown;
}

function select(step) {
  if (found.length === 0) return;
  at = Math.max(0, Math.min(found.length - 1, at + step));
  render();
  const button = $("rows-body").children[at].querySelector("button");
  button.focus();
  button.closest("tr").scrollIntoView({ block: "nearest" });
}

const KEYS = {
  "/": () => $("search").focus(),
  arrowdown: () => select(1),
  arrowup: () => select(-1),
  arrowleft: newer,
  arrowright: older,
  escape: () => detail.close(),
};

function wire() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest?.("input, textarea, select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const act = KEYS[event.key.toLowerCase()];
    // In the detail, arrows scroll.
    if (!act || (event.key.startsWith("Arrow") && event.target.closest?.("#detail"))) return;
    event.preventDefault();
    act();
  });
  $("filter").addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  $("filter").addEventListener("reset", () => setTimeout(search));
  for (const each of $("filter").querySelectorAll("select, [type=date]")) each.addEventListener("change", search);
  $("rows-body").addEventListener("click", (event) => {
    const id = event.target.closest("tr")?.dataset.id;
    open(found.findIndex((one) => one.id === id));
  });
  $("older").addEventListener("click", older);
  $("newer").addEventListener("click", newer);
  $("print").addEventListener("click", () => print());
}

function options() {
  for (const select of document.querySelectorAll("[data-values]")) {
    const kept = select.value;
    const values = select.dataset.values.split(" ");
    const made = ["", ...values].map((value) => {
      const option = element("option", "", word(value ? `${select.dataset.words}_${value}` : "any"));
      option.value = value;
      return option;
    });
    select.replaceChildren(...made);
    select.value = kept;
  }
}

function head() {
  $("opened").textContent = word("col_opened", { zone: zoneName(now()) });
  options();
}

function spoken() {
  head();
  render();
  detail.render();
}

async function start() {
  detail = new Detail({
    closed() {
      remember();
      render();
      $("rows-body").children[Math.max(0, at)]?.querySelector("button").focus();
    },
  });
  await begin("pages/archive.json", spoken);
  head();
  fill(new URLSearchParams(location.search));
  setTargets((await eventually(() => get("/api/inventory"))).targets);
  wire();
  lookIn();
  const id = location.hash.slice(1);
  if (/^[0-9a-f-]{36}$/.test(id)) detail.show(id);
  remember();
  await load();
}

start();
