// What the pages beside the console share: who is in, requests, language, theme, clock, what stands for the whole desk,
// and a word that goes away by itself.

import { loadSession, logOut, may, me, proof, toLogIn } from "../session.js";
import { renderStanding } from "../standing.js";
import { Stream } from "../stream.js";
import { addWords, has, loadWords, moment, otherLanguage, setLanguage, timeOfDay, word, zoneName } from "../words.js";

const THEMES = ["auto", "dark", "light"];
const SCREEN_MAX = 40;
const RETRY_MS = 2000;
const NOTICE_MS = 6000;
const TIMEOUT_MS = 5000;
const LOOK_MS = 5000;
const STALE_MS = 12_000;

export const $ = (id) => document.getElementById(id);
const keep = (name, value) => localStorage.setItem(`siaga.${name}`, value);
const kept = (name) => localStorage.getItem(`siaga.${name}`);

export class Refused extends Error {
  constructor(code, text = "") {
    super(code);
    this.code = code;
    this.text = text;
  }
}

let offset = 0;
let noticeTimer = 0;
let standing = {};
let stale = null;

export { may, me };
export const now = () => Date.now() + offset;

export function setClock(now_ms) {
  offset = now_ms - Date.now();
}

export function screenName() {
  return plain(kept("screen") ?? "") || word("screen_default");
}

// The name as the desk takes it: letters, digits, spaces and hyphens.
function plain(name) {
  const text = name.replace(/[^\p{L}\p{N} -]+/gu, " ").replace(/\s+/g, " ").slice(0, SCREEN_MAX);
  return text.replace(/^[ -]+|[ -]+$/g, "");
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    throw new Refused("unreachable");
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const fault = await answer.json().catch(() => ({}));
  throw new Refused(fault.code ?? "other", fault.text);
}

export const get = (path) => ask(path);

// A session that was made anew since has another token: it is asked for once more before that is a fault.
export async function post(path, body) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await ask(path, { method: "POST", headers: proof(screenName()), body: JSON.stringify(body) });
    } catch (fault) {
      if (fault.code !== "bad_csrf" || attempt > 0) throw fault;
      await loadSession().catch(() => {});
    }
  }
}

// What the page cannot do without is asked for until it comes.
export async function eventually(question) {
  for (;;) {
    try {
      return await question();
    } catch (fault) {
      if (fault.code === "no_session") toLogIn();
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

export function notice(text, kind) {
  const element = $("notice");
  element.textContent = text;
  element.dataset.kind = kind;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => (element.textContent = ""), NOTICE_MS);
}

export function faultWord(fault, table) {
  return table.has(`fault_${fault.code}`)
    ? table.word(`fault_${fault.code}`)
    : table.word("fault_other", { code: fault.code });
}

// Hears the desk, with what of it is this page's own. Without a screen's name, as such a page does not ring: the desk
// must not count on it.
export function follow(handlers) {
  const stand = (name) => (state) => {
    setClock(state.now_ms);
    standing = state;
    cutOff(stale);
    handlers[name]?.(state);
  };
  new Stream({ ...handlers, snapshot: stand("snapshot"), beat: stand("beat"), stale: (is, heard) => cutOff(is ? heard : null) }, () => "");
}

// The same for a page that need not know at once: a browser keeps six connections to one desk, and each stream is one.
export async function lookIn() {
  let heard = Date.now();
  for (;;) {
    try {
      standing = await get("/api/beat");
      setClock(standing.now_ms);
      heard = Date.now();
      cutOff(null);
    } catch {
      if (Date.now() - heard > STALE_MS) cutOff(heard);
    }
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}

// What a page asks for again and again; a fault is said until an answer comes, and the last one stands meanwhile.
export class Asked {
  constructor(path, again_ms, draw) {
    Object.assign(this, { path, again_ms, draw, told: null, fault: null });
  }

  async look() {
    try {
      this.told = await get(this.path);
      setClock(this.told.now_ms);
      this.fault = null;
    } catch (refused) {
      this.fault = refused;
    }
    this.render();
    setTimeout(() => this.look(), this.again_ms);
  }

  render() {
    $("fault").hidden = this.fault === null;
    $("fault").textContent = this.fault ? faultWord(this.fault, { has, word }) : "";
    if (this.told !== null) this.draw(this.told);
  }
}

function cutOff(since) {
  stale = since;
  $("stale").hidden = stale === null;
  $("stale-text").textContent = stale === null ? "" : word("stale_text", { time: moment(stale) });
  const light = $("health-stream");
  if (light !== null) light.dataset.good = String(stale === null);
  renderStanding(standing, stale === null);
}

function renderHead() {
  document.title = `${word("room")} · ${word("product")}`;
  $("theme").textContent = word(`theme_${document.documentElement.dataset.theme}`);
  $("who").textContent = me();
  for (const link of document.querySelectorAll("[data-may]")) link.hidden = !may(link.dataset.may);
}

// `spoken` is called when the language is another, after the page's own words.
export async function begin(file, spoken) {
  await eventually(() => loadWords(file));
  for (const more of ["pages/shared.json", "standing.json"]) await eventually(() => addWords(more));
  setLanguage(kept("language") ?? document.documentElement.lang);
  await eventually(loadSession);
  if (kept("language") === null) {
    const inventory = await eventually(() => get("/api/inventory"));
    setLanguage(inventory.language);
  }
  const speak = (language) => {
    setLanguage(language);
    $("notice").textContent = "";
    renderHead();
    tick();
    cutOff(stale);
    spoken();
  };
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    root.dataset.theme = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
    keep("theme", root.dataset.theme);
    renderHead();
  });
  $("language").addEventListener("click", () => {
    keep("language", otherLanguage());
    speak(otherLanguage());
  });
  $("logout").addEventListener("click", () => logOut(screenName()).catch(() => {}));
  // The foot stays in sight on a phone; what stands above it has to know how high it is.
  const foot = document.querySelector("footer");
  new ResizeObserver(() => document.documentElement.style.setProperty("--dock", `${foot.offsetHeight}px`)).observe(foot);
  const tick = () => {
    $("clock").textContent = timeOfDay(now());
    $("zone").textContent = zoneName(now());
  };
  setInterval(tick, 500);
  tick();
  renderHead();
}

// The keys that scroll are for what a page shows as soon as it stands. That the focus is there is marked for who comes to
// it by a key, not for who opened the page.
export function arrive(main) {
  main.dataset.arrived = "";
  main.addEventListener("blur", () => delete main.dataset.arrived, { once: true });
  main.focus({ preventScroll: true });
}

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
