// The duty officer's page: brings stream, incidents, map, siren and keys together.

import { get, post } from "./api.js";
import { measureBelow, wireBelow } from "./below.js";
import { language, nameScreen, officer, renderChoices, screenName, wireChoices } from "./choices.js";
import { Closing } from "./closing.js";
import { Gate } from "./gate.js";
import { Health } from "./health.js";
import { address, renderAges, renderHero, renderList } from "./hero.js";
import { Incidents } from "./incidents.js";
import { listen } from "./keys.js";
import { StreetMap } from "./map.js";
import { notice } from "./notice.js";
import { expectPaint, onPainted } from "./painted.js";
import { Reach, renderReach } from "./reach.js";
import { Siren } from "./siren.js";
import { isHandled } from "./states.js";
import { loadSession } from "./session.js";
import { Stream } from "./stream.js";
import { has, loadWords, setLanguage, timeOfDay, word } from "./words.js";

// A key pressed this soon after another incident took the large place was meant for the one before.
const SETTLE_MS = 400;
const RETRY_MS = 2000;

const $ = (id) => document.getElementById(id);
const incidents = new Incidents();
const reach = new Reach();
const health = new Health();
let closing = null;
let map = null;
let siren = null;
let stream = null;
let offset = 0;
let heroSince = 0;
let heroId = null;

const now = () => Date.now() + offset;
const settled = () => performance.now() - heroSince >= SETTLE_MS;

function render() {
  incidents.officer = officer();
  const hero = incidents.hero();
  if ((hero?.id ?? null) !== heroId) {
    heroSince = heroId === null ? 0 : performance.now();
    heroId = hero?.id ?? null;
    closing.stop();
  }
  const active = incidents.active();
  renderHero(hero, reach.idle(health.live));
  renderList($("list"), active.filter((incident) => incident.id !== heroId), now());
  const past = incidents.recentlyClosed();
  $("past").hidden = past.length === 0;
  renderList($("past-list"), past, now());
  renderAges(hero, now());
  map?.show(active, heroId);
  const open = active.filter((incident) => incident.state === "open").length;
  document.title = open > 0 ? `(${open}) ${word("product")}` : word("product");
  measureBelow();
  sound();
}

function sound() {
  siren?.set(incidents.loudest() ?? (health.live ? null : "stale"));
}

function showReach() {
  renderReach(reach);
  map?.missing(reach.keys());
}

function beat(state) {
  offset = state.now_ms - Date.now();
  health.beat(state);
}

const handlers = {
  snapshot(state) {
    beat(state);
    incidents.replace(state.incidents);
    reach.replace(state.reach);
    showReach();
    render();
    for (const incident of incidents.active()) expectPaint(incident.id, incident.rows[incident.rows.length - 1].key);
  },
  incident({ rings, incident }) {
    incidents.put(incident);
    if (rings && !closing.open) incidents.selected = null;
    render();
    if (!rings) return;
    expectPaint(incident.id, rings);
    $("news").textContent = word(incident.presses > 1 ? "news_again" : "news_open", { address: address(incident) });
  },
  reach(state) {
    reach.replace(state);
    showReach();
    render();
  },
  beat(state) {
    const late = !health.live;
    beat(state);
    if (late) render();
    sound();
  },
  stale(stale, heard) {
    health.silence(stale, heard);
    render();
  },
};

async function act(verb, incident, more = {}) {
  try {
    const answer = await post(`/api/incidents/${incident.id}/${verb}`, more);
    incidents.put(answer.incident);
    // A closing begun meanwhile keeps its place.
    if (!closing.open) incidents.selected = null;
    if (has(`done_${verb}`)) notice(word(`done_${verb}`, { address: address(incident) }), "done");
  } catch (fault) {
    const key = `fault_${fault.code}`;
    notice(word(has(key) ? key : "fault_other", { officer: fault.officer, code: fault.code }), "fault");
  }
  render();
}

function accept() {
  const hero = incidents.hero();
  if (!hero || closing.open || !settled()) return;
  if (hero.state === "open") act("accept", hero);
  else if (hero.ringing) act("answer", hero);
}

function startClosing() {
  const hero = incidents.hero();
  if (!hero || closing.open || !settled()) return;
  if (!isHandled(hero)) {
    notice(word("fault_not_possible"), "fault");
    return;
  }
  // Until it is done or given up, nothing else takes the large place.
  incidents.selected = hero.id;
  closing.start(hero);
}

function moveSelection(step) {
  incidents.select(step);
  render();
  heroSince = 0;
}

function onRow(event) {
  const id = event.target.closest?.("li")?.dataset.id;
  if (!id) return;
  incidents.selected = id;
  render();
  heroSince = 0;
}

const KEYS = {
  " ": accept,
  a: accept,
  t: startClosing,
  y: () => closing.confirm(),
  escape: () => closing.cancel(),
  arrowup: () => moveSelection(-1),
  arrowdown: () => moveSelection(1),
};

function wire() {
  const typing = {
    escape(field) {
      closing.cancel();
      field.blur();
    },
    enter(field, event) {
      if (field.id !== "note" || event.shiftKey) return false;
      closing.submit();
      return true;
    },
  };
  listen(KEYS, typing);
  // A button used by pointer must not keep the focus, or the next space would press it again.
  addEventListener("click", (event) => event.detail > 0 && event.target.closest?.("button")?.blur());
  $("accept").addEventListener("click", accept);
  $("close").addEventListener("click", startClosing);
  $("list").addEventListener("click", onRow);
  $("sound-on").addEventListener("click", () => siren.unlock());
  $("sound-test").addEventListener("click", () => siren.test());
  $("hero-photo").addEventListener("error", (event) => {
    event.target.dataset.broken = event.target.getAttribute("src");
    event.target.hidden = true;
  });
  wireBelow();
  wireChoices({ renamed: () => stream.open(), languageChanged: speak });
}

function speak(chosen) {
  setLanguage(chosen);
  for (const id of ["news", "notice"]) $(id).textContent = "";
  renderChoices();
  health.render();
  closing.show();
  showReach();
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
  await eventually(() => Promise.all([loadWords(), loadSession()]));
  setLanguage(language() ?? document.documentElement.lang);
  // Before any other listener, as it takes the key that frees the sound away from all of them.
  const gate = new Gate(() => siren.unlock(), (shown) => ($("sound").hidden = !shown));
  siren = new Siren((blocked) => gate.set(blocked));
  closing = new Closing({
    close: (incident, note) => act("close", incident, note ? { note } : {}),
    owns: (incident) => incidents.owns(incident),
    left: () => {
      if (incidents.loudest()) incidents.selected = null;
      render();
    },
  });
  wire();
  await nameScreen();
  onPainted((incident, key, painted_ms) => {
    post(`/api/incidents/${incident}/shown`, { key, painted_ms }).catch(() => {});
  });
  stream = new Stream(handlers, screenName);
  speak(language() ?? document.documentElement.lang);
  setInterval(tick, 500);
  tick();
  const [inventory, streets] = await eventually(() => Promise.all([get("/api/inventory"), get("/api/streets")]));
  map = new StreetMap($("map"), inventory, streets);
  speak(language() ?? inventory.language);
}

start();
