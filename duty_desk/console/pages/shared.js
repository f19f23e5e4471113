// What the call-taker's page and the archive share: who is in, requests, language, theme, clock, and a word that goes
// away by itself.

import { loadSession, logOut, may, me, proof, toLogIn } from "../session.js";
import { loadWords, otherLanguage, setLanguage, timeOfDay, word } from "../words.js";

const THEMES = ["auto", "dark", "light"];
const SCREEN_MAX = 40;
const RETRY_MS = 2000;
const NOTICE_MS = 6000;
const TIMEOUT_MS = 5000;

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

function renderHead() {
  $("theme").textContent = word(`theme_${document.documentElement.dataset.theme}`);
  $("who").textContent = me();
  for (const link of document.querySelectorAll("[data-may]")) link.hidden = !may(link.dataset.may);
}

// `spoken` is called when the language is another, after the page's own words.
export async function begin(file, spoken) {
  await eventually(() => loadWords(file));
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
  const tick = () => ($("clock").textContent = timeOfDay(now()));
  setInterval(tick, 500);
  tick();
  renderHead();
}

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
