// The duty officer's page: brings stream, incidents, map, siren and keys together.

import { get, post } from "./api.js";
import { address, renderAges, renderHero, renderList } from "./hero.js";
import { Incidents } from "./incidents.js";
import { StreetMap } from "./map.js";
import { expectPaint, onPainted } from "./painted.js";
import { Siren } from "./siren.js";
import { Stream } from "./stream.js";
import { has, loadWords, otherLanguage, setLanguage, timeOfDay, word } from "./words.js";

// A key pressed this soon after another incident took the large place was meant for the one before.
const SETTLE_MS = 400;
const NOTICE_MS = 5000;
const RETRY_MS = 2000;

const $ = (id) => document.getElementById(id);
const incidents = new Incidents();
const screen = ownName();
let map = null;
let siren = null;
let offset = 0;
let heroSince = 0;
let heroId = null;
let noticeTimer = 0;
let health = { recording: false, links: { alarm: false, telemetry: false }, stream: false };

function ownName() {
  const known = localStorage.getItem("siaga.screen");
  if (known) return known;
  const made = `s-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
  localStorage.setItem("siaga.screen", made);
  return made;
}

const now = () => Date.now() + offset;

function render() {
  const hero = incidents.hero();
  if ((hero?.id ?? null) !== heroId) {
    heroSince = heroId === null ? 0 : performance.now();
    heroId = hero?.id ?? null;
    stopClosing();
  }
  const active = incidents.active();
  renderHero(hero);
  renderList($("list"), active.filter((incident) => incident.id !== heroId), now());
  const past = incidents.recentlyClosed();
  $("past").hidden = past.length === 0;
  renderList($("past-list"), past, now());
  renderAges(hero, now());
  map?.show(active, heroId);
  const open = active.filter((incident) => incident.state === "open").length;
  document.title = open > 0 ? `(${open}) ${word("product")}` : word("product");
  sound();
}

function sound() {
  siren?.set(incidents.loudest() ?? (health.stream ? null : "stale"));
}

function renderHealth() {
  const faults = health.faults ?? {};
  const links = Object.entries(health.links).map(([lane, up]) => [lane, up && !faults[lane]]);
  const states = {
    stream: health.stream,
    ...Object.fromEntries(links),
    ledger: health.recording && !health.ledger_broken,
  };
  for (const [name, good] of Object.entries(states)) {
    const item = $(`health-${name}`);
    item.dataset.good = String(good);
    const state = word(good ? "health_good" : "health_bad", { name: word(`health_${name}`) });
    item.title = faults[name] ? `${state} (${faults[name]})` : state;
  }
}

function beat(state) {
  offset = state.now_ms - Date.now();
  health = { ...state, stream: true };
  renderHealth();
}

const handlers = {
  snapshot(state) {
    beat(state);
    incidents.replace(state.incidents);
    render();
    for (const incident of incidents.active()) expectPaint(incident.id, incident.rows[incident.rows.length - 1].key);
  },
  incident({ rings, incident }) {
    incidents.put(incident);
    if (rings && $("close-form").hidden) incidents.selected = null;
    render();
    if (!rings) return;
    expectPaint(incident.id, rings);
    $("news").textContent = word(incident.presses > 1 ? "news_again" : "news_open", { address: address(incident) });
  },
  beat(state) {
    beat(state);
    sound();
  },
  stale(stale, heardWall) {
    health.stream = !stale;
    $("stale").hidden = !stale;
    $("stale-text").textContent = word("stale_text", { time: timeOfDay(heardWall) });
    renderHealth();
    sound();
  },
};

function notice(text, kind) {
  const element = $("notice");
  element.textContent = text;
  element.dataset.kind = kind;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => (element.textContent = ""), NOTICE_MS);
}

async function act(verb, incident, more = {}) {
  const officer = $("officer").value.trim();
  if (!officer) {
    notice(word("officer_needed"), "fault");
    $("officer").focus();
    return;
  }
  try {
    const answer = await post(`/api/incidents/${incident.id}/${verb}`, { officer, screen, ...more });
    incidents.put(answer.incident);
    incidents.selected = null;
    if (has(`done_${verb}`)) notice(word(`done_${verb}`, { address: address(incident) }), "done");
  } catch (fault) {
    const key = `fault_${fault.code}`;
    notice(word(has(key) ? key : "fault_other", { officer: fault.officer, code: fault.code }), "fault");
  }
  render();
}

function accept() {
  const hero = incidents.hero();
  if (!hero || performance.now() - heroSince < SETTLE_MS) return;
  if (hero.state === "open") act("accept", hero);
  else if (hero.ringing) act("answer", hero);
}

function startClosing() {
  const hero = incidents.hero();
  if (!hero || performance.now() - heroSince < SETTLE_MS) return;
  if (hero.state !== "accepted") {
    notice(word("fault_not_possible"), "fault");
    return;
  }
  $("close-form").hidden = false;
  $("hero-actions").classList.add("closing");
  $("note").focus();
}

function stopClosing() {
  $("close-form").hidden = true;
  $("hero-actions").classList.remove("closing");
  $("note").value = "";
}

function closeNow() {
  const hero = incidents.hero();
  const note = $("note").value.trim();
  stopClosing();
  if (hero) act("close", hero, note ? { note } : {});
}

const KEYS = {
  " ": accept,
  a: accept,
  t: startClosing,
  arrowup: () => moveSelection(-1),
  arrowdown: () => moveSelection(1),
};

function moveSelection(step) {
  incidents.select(step);
  render();
  heroSince = 0;
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const typing = event.target.closest?.("input, textarea");
  if (typing) {
    if (event.key === "Escape") {
      stopClosing();
      typing.blur();
    } else if (event.key === "Enter" && typing.id === "note" && !event.shiftKey) {
      event.preventDefault();
      closeNow();
    }
    return;
  }
  const key = event.key.toLowerCase();
  // A button reached by keyboard keeps its own space key.
  if (key === " " && event.target.closest?.("button:not(.row)")) return;
  if (key === "escape") stopClosing();
  const action = KEYS[key];
  if (!action) return;
  event.preventDefault();
  action();
}

function onRow(event) {
  const id = event.target.closest?.("li")?.dataset.id;
  if (!id) return;
  incidents.selected = id;
  render();
  heroSince = 0;
}

function wire() {
  addEventListener("keydown", onKey);
  // A button used by pointer must not keep the focus, or the next space would press it again.
  addEventListener("click", (event) => event.detail > 0 && event.target.closest?.("button")?.blur());
  $("accept").addEventListener("click", accept);
  $("close").addEventListener("click", startClosing);
  $("close-cancel").addEventListener("click", stopClosing);
  $("close-form").addEventListener("submit", (event) => {
    event.preventDefault();
    closeNow();
  });
  $("list").addEventListener("click", onRow);
  $("sound-on").addEventListener("click", () => siren.unlock());
  $("sound-test").addEventListener("click", () => siren.test());
  $("hero-photo").addEventListener("error", (event) => {
    event.target.dataset.broken = event.target.getAttribute("src");
    event.target.hidden = true;
  });
  $("officer-form").addEventListener("submit", (event) => {
    event.preventDefault();
    $("officer").blur();
  });
  $("officer").addEventListener("change", () => localStorage.setItem("siaga.officer", $("officer").value.trim()));
  $("language").addEventListener("click", () => {
    localStorage.setItem("siaga.language", otherLanguage());
    speak(otherLanguage());
  });
}

function speak(language) {
  setLanguage(language);
  $("screen").textContent = word("screen", { screen });
  for (const id of ["news", "notice"]) $(id).textContent = "";
  renderHealth();
  map?.draw();
  render();
}

function tick() {
  $("clock").textContent = timeOfDay(now());
  renderAges(incidents.hero(), now());
}

// What the page cannot do without is asked for until it comes.
async function eventually(ask) {
  for (;;) {
    try {
      return await ask();
    } catch {
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

async function start() {
  await eventually(loadWords);
  setLanguage(localStorage.getItem("siaga.language") ?? document.documentElement.lang);
  $("officer").value = localStorage.getItem("siaga.officer") ?? "";
  wire();
  // The siren tells that it is blocked before anything else can fail.
  siren = new Siren((blocked) => ($("sound").hidden = !blocked));
  onPainted((incident, key, painted_ms) => {
    post(`/api/incidents/${incident}/shown`, { screen, key, painted_ms }).catch(() => {});
  });
  new Stream(handlers);
  speak(localStorage.getItem("siaga.language") ?? document.documentElement.lang);
  setInterval(tick, 500);
  tick();
  if (!$("officer").value) $("officer").focus();
  const [inventory, streets] = await eventually(() => Promise.all([get("/api/inventory"), get("/api/streets")]));
  map = new StreetMap($("map"), inventory, streets);
  speak(localStorage.getItem("siaga.language") ?? inventory.language);
}

start();
