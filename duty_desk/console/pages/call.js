// The call-taker's page: a call becomes an incident, and what becomes of it is shown. The next one can be typed while the
// last is on its way.

import { has, word } from "../words.js";
import { Draft, Sending } from "./call-draft.js";
import { Calls } from "./call-list.js";
import { Near, NOTE_KEYS } from "./call-near.js";
import { PlaceField } from "./call-place.js";
import { $, begin, eventually, faultWord, follow, get, me, notice, now, post } from "./shared.js";

const CATEGORIES = ["crime", "accident", "fire", "medical", "other"];
const RENDER_MS = 100;
const SURE_MS = 3000;

const draft = new Draft();
const incidents = new Map();
let place = null;
let near = null;
let calls = null;
let sending = null;
let map = null;
let queued = false;
let sureUntil = 0;
let adding = false;

const isOver = ({ state }) => state === "closed" || state === "cancelled";
const mine = ({ call, origin }) => origin !== "other" && call?.taken_by === me();

function render() {
  queued = false;
  calls.render(sending.calls);
  map?.show([...incidents.values()].filter((one) => !isOver(one)), null);
}

// A thousand alarms in a minute must not draw a thousand times.
function later() {
  if (queued) return;
  queued = true;
  setTimeout(render, RENDER_MS);
}

function showDraft() {
  const { call } = draft;
  place.show(call);
  $("text").value = call.text;
  $("caller").value = call.caller;
  for (const input of document.querySelectorAll("[name=origin]")) input.checked = input.value === call.origin;
  for (const input of document.querySelectorAll("[name=category]")) input.checked = input.value === call.category;
  map?.pick(call.place);
}

function changed(change) {
  const before = draft.call.place;
  draft.set(change);
  near.look(draft.call);
  if (draft.call.place !== before) {
    map?.pick(draft.call.place);
    if (draft.call.place?.name) map?.fly(draft.call.place);
  }
}

function toCategory() {
  (document.querySelector("[name=category]:checked") ?? document.querySelector("[name=category]")).focus();
}

function choose(category) {
  changed({ category });
  showDraft();
  $("text").focus();
}

function restart() {
  draft.clear();
  near.forget();
  showDraft();
  $("place").focus();
}

function ring() {
  const { missing } = draft;
  if (missing) {
    notice(word(`missing_${missing}`), "fault");
    if (missing === "place") $("place").focus();
    else toCategory();
    return;
  }
  if (sending.full) {
    notice(word("fault_too_many"), "fault");
    return;
  }
  sending.add(draft.call);
  restart();
}

function rang(one, { incident }) {
  take(incident);
  $("news").textContent = word("news_rang", { address: incident.address ?? word("place_point") });
  notice(word("done_rang", { address: incident.address ?? word("place_point") }), "done");
}

function noteOf({ origin, address, category, text, caller }) {
  const parts = [word(`origin_${origin}`), category ? word(`category_${category}`) : "", address, text];
  if (caller) parts.push(word("caller_is", { caller }));
  return parts.map((part) => part.trim()).filter(Boolean).join(" · ");
}

async function addTo(incident) {
  if (adding) return;
  const { call } = draft;
  const note = noteOf(call);
  adding = true;
  try {
    // An answer that was lost: the note is there already, and is not written twice.
    const there = incidents.get(incident.id)?.notes.some((one) => one.officer === me() && one.text === note);
    if (!there) take((await post(`/api/incidents/${incident.id}/note`, { note })).incident);
    const key = `${incident.id} ${now()}`;
    calls.noted({ key, note: true, on: incident.address ?? "", call, opened_at_ms: now() });
    if (draft.call === call) restart();
    notice(word("done_noted", { address: incident.address ?? "" }), "done");
  } catch (fault) {
    notice(faultWord(fault, { has, word }), "fault");
  } finally {
    adding = false;
  }
  later();
}

function take(incident) {
  const known = incidents.get(incident.id);
  if (known && incident.revision < known.revision) return;
  if (isOver(incident)) incidents.delete(incident.id);
  else incidents.set(incident.id, incident);
  calls.put(incident);
  if (draft.call.place || draft.call.address) near.look(draft.call);
  later();
}

function beat({ recording, ledger_fault }) {
  const good = recording && !ledger_fault;
  $("health-ledger").dataset.good = String(good);
  $("unrecorded").hidden = good;
}

const handlers = {
  snapshot(state) {
    beat(state);
    incidents.clear();
    for (const one of state.incidents) if (!isOver(one)) incidents.set(one.id, one);
    calls.replace(state.incidents);
    later();
  },
  incident: ({ incident }) => take(incident),
  beat,
};

function clear() {
  if (draft.empty) return;
  // The second time means it.
  if (performance.now() < sureUntil) {
    sureUntil = 0;
    restart();
    return;
  }
  sureUntil = performance.now() + SURE_MS;
  notice(word("clear_sure"), "fault");
}

const KEYS = {
  F6: () => {
    changed({ origin: draft.call.origin === "call" ? "citizen" : "call" });
    showDraft();
  },
  F8: clear,
  ...Object.fromEntries(NOTE_KEYS.map((key, at) => [key, () => near.choose(at)])),
};

function wire() {
  addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (!event.repeat) ring();
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    if (KEYS[event.key]) {
      event.preventDefault();
      if (!event.repeat) KEYS[event.key]();
    } else if (event.target.name === "category") inCategory(event);
  });
  $("text").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.isComposing) return;
    event.preventDefault();
    $("caller").focus();
  });
  $("caller").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.isComposing || event.repeat) return;
    event.preventDefault();
    ring();
  });
  $("text").addEventListener("input", () => changed({ text: $("text").value }));
  $("caller").addEventListener("input", () => changed({ caller: $("caller").value }));
  for (const input of document.querySelectorAll("[name=origin]"))
    input.addEventListener("change", () => changed({ origin: input.value }));
  for (const input of document.querySelectorAll("[name=category]"))
    input.addEventListener("change", () => changed({ category: input.value }));
  $("call-form").addEventListener("submit", (event) => {
    event.preventDefault();
    ring();
  });
  $("clear").addEventListener("click", clear);
}

function inCategory(event) {
  const category = CATEGORIES[Number(event.key) - 1];
  if (category) {
    event.preventDefault();
    choose(category);
  } else if (event.key === "Enter") {
    event.preventDefault();
    $("text").focus();
  }
}

function spoken() {
  showDraft();
  near.render();
  map?.draw();
  render();
}

async function startMap() {
  const [{ CityMap }, inventory] = await Promise.all([
    import("../map/city-map.js"),
    eventually(() => get("/api/inventory")),
  ]);
  map = new CityMap($("map"), { inventory });
  map.onPick((point) => {
    place.picked(point);
    if (!draft.call.category) toCategory();
  });
  map.pick(draft.call.place);
  later();
}

async function start() {
  calls = new Calls({
    mine,
    again(call) {
      draft.restore(call);
      showDraft();
      near.look(call);
      $("place").focus();
    },
    dropped: (key) => sending.drop(key),
  });
  near = new Near(addTo);
  place = new PlaceField({ changed, left: toCategory });
  await begin("pages/call.json", spoken);
  sending = new Sending({
    send: (body) => post("/api/incidents", body),
    done: rang,
    changed: later,
    now,
  });
  follow(handlers);
  wire();
  $("call-form").inert = false;
  spoken();
  if (!draft.empty) near.look(draft.call);
  $("place").focus();
  setInterval(() => {
    calls.age();
    near.age();
  }, 1000);
  // Without a map the address alone is enough.
  startMap().catch(() => ($("map").hidden = true));
}

start();
