// One screen: what the server says it shows, and nothing else. A screen that hears nothing says so.

import { Board } from "./board.js";
import { Frame } from "./frame.js";
import { Incident } from "./incident.js";
import { clock } from "./format.js";
import { mapIsOf } from "./draw/ground.js";
import { drill, foot, head } from "./edges.js";
import { at, heardTime, now } from "./time.js";
import { say, speak } from "./words.js";
import { zoneName } from "./zone.js";

const ANSWER_MS = 20_000;
const AGAIN_MS = 1_000;
const number = Number(location.pathname.split("/").pop());
const stage = document.getElementById("stage");

let state = null;
let shown = null;
let shownAs = "";
let lastAnswer = performance.now();
let watcher = null;
let watch = null;
let reloads = null;
let run = null;

function dashboardNow() {
  const whole = state.rotation.reduce((sum, one) => sum + one.seconds, 0);
  let at = (now() / 1000) % whole;
  for (const one of state.rotation) {
    if (at < one.seconds) return one;
    at -= one.seconds;
  }
  return state.rotation[0];
}

function show() {
  if (!state) return;
  const one = dashboardNow();
  const wanted = state.incident
    ? `incident ${state.incident}`
    : `${state.source} ${one.uid} ${state.language} ${state.theme} ${state.range_s}`;
  if (wanted === shownAs) return;
  shownAs = wanted;
  shown?.remove();
  stage.replaceChildren();
  document.documentElement.dataset.theme = state.theme;
  speak(state.language);
  mapIsOf(state.attribution);
  document.body.dataset.incident = state.incident ? "true" : "";
  if (state.incident) shown = new Incident(stage, state);
  else if (state.source === "grafana") shown = new Frame(stage, state, one);
  else shown = new Board(stage, state, one);
  head(state, state.incident ? say("incident_title") : one.title, number);
  observe();
}

// The guardian's eyes, where the server has them.
async function observe() {
  watch ??= await import("/static/watch.js").catch(() => ({}));
  watcher?.stop?.();
  watcher = watch.start?.(number, shown.frame ?? null, () => report()) ?? null;
}

function report() {
  return {
    dashboard: dashboardNow().uid,
    source: state.incident ? "incident" : state.source,
    version: state.version,
    incident: state.incident,
    language: state.language,
    ...(shown?.report?.() ?? {}),
  };
}

async function ask() {
  const seen = state ? `?seen=${encodeURIComponent(state.version)}` : "";
  const answer = await fetch(`/api/screen/${number}${seen}`, { signal: AbortSignal.timeout(ANSWER_MS) });
  const body = await answer.json();
  if (answer.status === 404) {
    document.getElementById("title").textContent = body.text;
    await new Promise((done) => setTimeout(done, 5000));
    return;
  }
  if (!answer.ok) throw new Error(body.text);
  const [began] = body.version.split("-");
  // Another server, perhaps with other pages; or somebody asked for it.
  if ((run && began !== run) || (reloads !== null && body.reload !== reloads && began === run)) {
    location.reload();
    return;
  }
  run = began;
  reloads = body.reload;
  state = body;
  lastAnswer = performance.now();
  heardTime(body.now_ms);
  show();
  drill(body.drill);
}

async function listen() {
  for (;;) {
    try {
      const began = performance.now();
      await ask();
      // A server that holds too many questions answers at once; it is not asked the faster for it.
      if (performance.now() - began < 100) await new Promise((done) => setTimeout(done, 250));
    } catch {
      await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
  }
}

function tick() {
  document.getElementById("clock").textContent = clock(now(), now(), true);
  document.getElementById("zone").textContent = zoneName(now());
  const cut = performance.now() - lastAnswer > ANSWER_MS;
  document.body.dataset.cut = cut ? "true" : "";
  if (state) show();
  shown?.tick?.(cut);
  foot(state, shown, cut ? say("no_server_since", { at: clock(at(lastAnswer), now()) }) : "");
}

setInterval(tick, 1000);
tick();
listen();
