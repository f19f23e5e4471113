// All screens small: what each shows, whether it is well, and if not, why. Keys 1 to 24 open one.

import { again, get } from "./ask.js";
import { el } from "./dom.js";
import { clock, lasted } from "./format.js";
import { at, heardTime, now } from "./time.js";
import { say, speak } from "./words.js";
import { zoneName } from "./zone.js";

const SCREENS = 24;
const ASK_MS = 2_000;
const SECOND_DIGIT_MS = 700;
const ONE_LINE = 17;
const chosen = new URLSearchParams(location.search);
speak(chosen.get("language") === "en" ? "en" : "id");
if (chosen.get("theme") === "light") document.documentElement.dataset.theme = "light";
const place = document.getElementById("screens");
let lastAnswer = performance.now();

function why(screen) {
  const reasons = [];
  const { fault, data } = screen;
  if (fault && fault.state !== "good") {
    const told = say(`screen.${fault.state}`);
    reasons.push(`${told === `screen.${fault.state}` ? fault.state : told}${fault.since_ms ? ` (${clock(fault.since_ms, now())})` : ""}`);
    for (const reason of fault.reasons ?? []) reasons.push(say(`reason.${reason}`));
  }
  if (data.newest_ms === null && !data.quiet) reasons.push(say("none"));
  if (data.stale > 0) reasons.push(`${say("stale_panels")}: ${say("of", { n: `${data.stale} / ${data.panels}` })}`.replace(/ (dari|of) /, " "));
  if (data.silent > 0) reasons.push(say("silent_count", { n: data.silent }));
  return reasons;
}

function card(number, screen, wall) {
  if (!screen) return el("div", "card absent", el("b", "", String(number)), el("span", "", say("not_planned")));
  const reasons = why(screen);
  const bad = (screen.fault && screen.fault.state !== "good") || (screen.data.newest_ms === null && !screen.data.quiet) || wall.no_answer_since_ms;
  const level = bad ? "bad" : reasons.length > 0 ? "watch" : "good";
  // That a screen planned as the own board is one is no news.
  const source = screen.planned === "board" ? "" : say(screen.source === "board" ? "fallback" : "frame");
  const age = screen.data.newest_ms ? say("age", { age: lasted(now() - screen.data.newest_ms) }) : say(screen.data.quiet ? "none_in_range" : "none");
  const title = screen.titles[document.documentElement.lang];
  const made = el("a", `card ${level}`,
    el("p", "top", el("b", "", String(number)), el("span", "mark", { good: `✓ ${say("fine")}`, watch: `▲ ${say("watch")}`, bad: `✕ ${say("fault")}` }[level])),
    el("p", title.length > ONE_LINE ? "what long" : "what", title),
    screen.incident ? el("p", "taken", `! ${say("taken")}`) : "",
    el("p", "why", reasons.join(" · ")),
    el("p", "foot", el("span", "", age), el("span", "", source)));
  made.href = `/wall/${number}`;
  return made;
}

again(async () => {
  try {
    const wall = await get("/api/wall");
    heardTime(wall.now_ms);
    lastAnswer = performance.now();
    document.getElementById("city").textContent = wall.city;
    document.getElementById("title").textContent = say("wall");
    document.title = `${wall.city} · ${say("wall")}`;
    const known = new Map(wall.screens.map((screen) => [screen.number, screen]));
    place.replaceChildren(...Array.from({ length: SCREENS }, (_, n) => card(n + 1, known.get(n + 1), wall)));
    const told = [];
    if (wall.no_answer_since_ms) told.push(say("no_store_since", { at: clock(wall.no_answer_since_ms, now()) }));
    for (const [lane, up] of Object.entries(wall.brokers)) if (!up) told.push(say("broker_down", { lane: say(`lane.${lane}`) }));
    if (wall.grafana === false) told.push(say("no_grafana"));
    document.getElementById("foot").replaceChildren(...told.map((words) => el("strong", "bad", words)), el("span", "", say("keys")));
  } catch {
    // Said below, by the time of the last answer.
  }
}, ASK_MS);

setInterval(() => {
  const cut = performance.now() - lastAnswer > 10_000;
  document.body.dataset.cut = cut ? "true" : "";
  document.getElementById("clock").textContent = clock(now(), now(), true);
  document.getElementById("zone").textContent = zoneName(now());
  const age = document.getElementById("age");
  age.textContent = cut ? say("no_server_since", { at: clock(at(lastAnswer), now()) }) : "";
  age.dataset.bad = cut ? "true" : "";
}, 1000);

let typed = "";
let timer = null;
document.addEventListener("keydown", ({ key, ctrlKey, altKey, metaKey }) => {
  if (ctrlKey || altKey || metaKey || !/^[0-9]$/.test(key)) return;
  clearTimeout(timer);
  typed = (typed + key).slice(-2);
  const open = () => {
    const number = Number(typed);
    typed = "";
    if (number >= 1 && number <= SCREENS) location.href = `/wall/${number}`;
  };
  if (typed.length === 2 || Number(typed) > 2) open();
  else timer = setTimeout(open, SECOND_DIGIT_MS);
});
