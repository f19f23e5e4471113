// What will happen next to each incident that nobody answered: when, who, by what; what was tried; and the channels.

import { has, moment, span, timeOfDay, word } from "../words.js";
import { $, arrive, begin, element, eventually, follow, get, now, setClock } from "./shared.js";

const LOOK_MS = 5000;
const SOON_MS = 250;

let upcoming = null;
let channels = null;
let asked = 0;
let looks = 0;
let seen = 0;

async function look() {
  asked = 0;
  looks += 1;
  const mine = looks;
  try {
    const told = await Promise.all([get("/api/upcoming"), get("/api/channels")]);
    if (mine < seen) return; // a later look was answered before
    seen = mine;
    [upcoming, channels] = told;
    setClock(upcoming.now_ms);
    render();
  } catch {
    // The banner says that the desk is not heard; the next look may work.
  }
}

function soon() {
  if (asked === 0) asked = setTimeout(look, SOON_MS);
}

function render() {
  if (upcoming === null) return;
  const { incidents, more } = upcoming;
  $("none").hidden = incidents.length > 0;
  $("more").hidden = more === 0;
  $("more").textContent = word("more", { count: more });
  keep($("incidents"), incidents, card);
  $("channels-none").hidden = channels.channels.length > 0;
  keep($("channels"), channels.channels, channel);
  tick();
}

// What did not change stays, with the focus that is on it.
function keep(list, all, draw) {
  const known = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const language = document.documentElement.lang;
  const drawn = all.map((one) => {
    const key = one.id ?? one.name;
    const text = `${language} ${JSON.stringify(one)}`;
    const old = known.get(key);
    if (old?.dataset.text === text) return old;
    const made = draw(one);
    made.dataset.key = key;
    made.dataset.text = text;
    return made;
  });
  const focused = document.activeElement?.closest?.("[data-key]")?.dataset.key;
  const same = drawn.length === list.children.length && drawn.every((one, at) => one === list.children[at]);
  if (same) return;
  list.replaceChildren(...drawn);
  if (focused !== undefined) drawn.find((one) => one.dataset.key === focused)?.querySelector("a")?.focus();
}

function card(incident) {
  const { id, address, device, origin, status, policy, unanswered_since_ms, steps } = incident;
  const made = element("article", "waiting");
  made.dataset.drill = String(status !== "Actual");
  const head = element("div", "waiting-head");
  if (status !== "Actual") head.append(element("span", "drill", word(`status_${status}`)));
  const title = element("h3");
  const link = element("a", "", address ?? device ?? word("place_none"));
  link.href = `/?incident=${encodeURIComponent(id)}`;
  title.append(link);
  head.append(title, element("span", "soft", word(`origin_${origin}`)));
  if (policy !== null) head.append(element("span", "soft", word("policy", { name: policy })));
  const age = element("span", "age");
  age.dataset.since = unanswered_since_ms;
  head.append(age);
  const list = element("ol", "steps");
  const next = steps.findIndex(({ reached }) => !reached);
  list.append(...steps.map((one, at) => step(one, at === next)));
  made.append(head, list);
  if (next < 0) made.append(element("p", "soft", word("last")));
  return made;
}

function step({ at_ms, reached, rings, screens, channels: by, people, nobody, repeat_s, again_at_ms, tried }, next) {
  const item = element("li");
  item.dataset.state = reached ? "reached" : next ? "next" : "later";
  const when = element("div", "when", timeOfDay(at_ms));
  const left = element("small");
  if (reached) left.textContent = word("reached");
  else left.dataset.until = at_ms;
  when.append(left);
  const what = element("div");
  if (rings.length > 0) what.append(ringing(rings, screens));
  what.append(...calls(by, people, nobody).map((words) => element("p", "", words)));
  if (again_at_ms !== null) {
    const again = element("small");
    again.dataset.again = again_at_ms;
    what.append(again);
  } else if (repeat_s !== null && nobody.length < by.length) what.append(element("small", "", word("repeat", { seconds: repeat_s })));
  const done = element("ul", "tried");
  done.append(...tried.map(outcome));
  item.append(when, what, done);
  return item;
}

// Whom a step lets ring, and how many screens of theirs would now; a desk that just began does not know how many.
function ringing(rings, screens) {
  const counted = ([one, count]) => {
    const who = word(`rings_${one}`);
    if (count === undefined) return who;
    return count > 0 ? word("screens", { who, count }) : word("screens_none", { who });
  };
  const all = rings.map((one) => [one, screens?.[one]]);
  const made = element("p", "", word("rings", { who: all.map(counted).join(", ") }));
  made.dataset.nobody = String(all.every(([, count]) => count === 0));
  return made;
}

// Whom a step pages by what; a channel that reaches nobody by itself, as somebody has to see to it.
function calls(by, people, nobody) {
  const whom = by.filter((name) => !nobody.includes(name)).map(named).join(", ");
  const told = [];
  if (whom) told.push(people.length > 0 ? word("pages", { by: whom, who: people.join(", ") }) : word("pages_room", { by: whom }));
  if (nobody.length > 0) told.push(word("pages_nobody", { by: nobody.map(named).join(", ") }));
  return told;
}

function outcome({ at_ms, channel: by, who, round, outcome: what, detail }) {
  const told = what === "answered" ? word(`answer_${detail}`) : word(`outcome_${what}`);
  const parts = [named(by), who, told];
  if (what !== "answered" && detail !== null) parts.push(has(`detail_${detail}`) ? word(`detail_${detail}`) : detail);
  if (round > 0) parts.push(word("round", { count: round + 1 }));
  if (what !== "sending") parts.push(timeOfDay(at_ms));
  const item = element("li", "", parts.filter(Boolean).join(" · "));
  item.dataset.outcome = what;
  return item;
}

function channel({ name, fault, why, tested_ms, worked_ms, people }) {
  const item = element("li", "channel");
  item.dataset.good = fault === "unused" ? "unused" : String(fault === null);
  item.append(element("b", "", named(name)));
  const state = element("p", "", word(`fault_${fault ?? "none"}`));
  if (fault !== "unused") state.dataset.good = String(fault === null);
  item.append(state);
  if (why !== null) item.append(element("p", "", why));
  item.append(element("p", "", worked_ms === null ? word("never_worked") : word("worked", { time: moment(worked_ms) })));
  if (tested_ms !== null && tested_ms !== worked_ms) item.append(element("p", "", word("tested", { time: moment(tested_ms) })));
  if (fault === "unused") {
    const how = element("a", "", word("unused_do"));
    how.href = "/duty";
    item.append(how);
    return item;
  }
  const list = element("ul");
  for (const { who, reached, fault: theirs } of people) {
    const line = element("li", "", `${who}: ${word(reached ? `fault_${theirs ?? "none"}` : "no_address")}`);
    line.dataset.good = String(reached && theirs === null);
    list.append(line);
  }
  item.append(list);
  return item;
}

function named(name) {
  return has(`channel_${name}`) ? word(`channel_${name}`) : name;
}

function tick() {
  for (const each of document.querySelectorAll("[data-since]")) each.textContent = span(now() - Number(each.dataset.since));
  for (const each of document.querySelectorAll("[data-until]"))
    each.textContent = word("in", { time: span(Number(each.dataset.until) - now() + 999) });
  for (const each of document.querySelectorAll("[data-again]"))
    each.textContent = word("again", { time: span(Number(each.dataset.again) - now() + 999) });
}

function move(by) {
  const links = [...document.querySelectorAll(".waiting h3 a")];
  if (links.length === 0) return;
  const at = links.indexOf(document.activeElement);
  links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))].focus();
}

const KEYS = { ArrowDown: () => move(1), ArrowUp: () => move(-1), Escape: () => location.assign("/") };

const handlers = {
  snapshot: soon,
  incident: soon,
  pages: soon,
  beat({ channels: faults }) {
    const known = channels?.channels.filter(({ fault }) => fault !== null && fault !== "unused") ?? [];
    if (known.length !== Object.keys(faults).length || known.some(({ name, fault }) => faults[name] !== fault)) soon();
  },
};

async function start() {
  await begin("pages/upcoming.json", render);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in KEYS)) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  await eventually(async () => {
    [upcoming, channels] = await Promise.all([get("/api/upcoming"), get("/api/channels")]);
  });
  render();
  follow(handlers);
  setInterval(look, LOOK_MS);
  setInterval(tick, 500);
  arrive($("page"));
}

start();
