// The log-in page: name and password, then whether the alarm can be heard at this screen, then on to the page asked for.

import { Siren } from "./siren.js";
import { language, loadWords, otherLanguage, setLanguage, word } from "./words.js";

const THEMES = ["auto", "dark", "light"];
const RETRY_MS = 2000;

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
let siren = null;
let fault = null;
let waitUntil = 0;
let busy = false;

// A path of this desk, or its first page: nobody is sent elsewhere by a link to here.
function next() {
  const asked = query.get("next") ?? "/";
  if (!URL.canParse(asked, location.origin)) return "/";
  const given = new URL(asked, location.origin);
  const own = given.origin === location.origin && given.pathname !== "/login";
  return own ? given.pathname + given.search : "/";
}

function leave() {
  siren.set(null);
  location.replace(next());
}

function show() {
  const seconds = Math.max(0, Math.ceil((waitUntil - performance.now()) / 1000));
  if (fault === "try_later" && seconds === 0) fault = null;
  $("fault").textContent = fault === null ? "" : word(`fault_${fault}`, { seconds });
  $("theme").textContent = word(`theme_${document.documentElement.dataset.theme}`);
  document.title = `${word("product")} · ${word("log_in")}`;
}

async function ask(name, password) {
  const screen = localStorage.getItem("siaga.screen");
  const headers = { "content-type": "application/json" };
  if (screen) headers["x-siaga-screen"] = encodeURIComponent(screen);
  const body = JSON.stringify({ name, password });
  const answer = await fetch("/api/session", { method: "POST", headers, body, signal: AbortSignal.timeout(15000) });
  if (answer.ok) return null;
  if (answer.status === 429) waitUntil = performance.now() + 1000 * Number(answer.headers.get("retry-after") ?? 1);
  const told = await answer.json().catch(() => ({}));
  return ["wrong_login", "try_later", "no_accounts"].includes(told.code) ? told.code : "other";
}

async function logIn(event) {
  event.preventDefault();
  if (busy) return;
  // In the gesture itself, or the browser would hold the tone back.
  siren.unlock();
  const [name, password] = [$("name").value.trim(), $("password").value];
  if (!name || !password) {
    fault = "empty";
    (name ? $("password") : $("name")).focus();
    show();
    return;
  }
  busy = true;
  $("submit").setAttribute("aria-busy", "true");
  fault = await ask(name, password).catch(() => "unreachable");
  busy = false;
  $("submit").removeAttribute("aria-busy");
  show();
  if (fault === null) checkVolume();
  else $("password").select();
}

function checkVolume() {
  $("password").value = "";
  $("ended").hidden = true;
  $("form").hidden = true;
  $("volume").hidden = false;
  siren.set(null);
  siren.test().catch(() => {});
  $("heard").focus();
}

function unheard() {
  $("help").hidden = false;
  $("again").focus();
}

function again() {
  siren.test().catch(() => {});
  $("help").hidden = true;
  $("heard").focus();
}

const KEYS = { y: leave, t: unheard, n: unheard, u: again, r: again };

function wire() {
  $("form").addEventListener("submit", logIn);
  $("heard").addEventListener("click", leave);
  $("without").addEventListener("click", leave);
  $("unheard").addEventListener("click", unheard);
  $("again").addEventListener("click", again);
  addEventListener("keydown", (event) => {
    if (event.target === $("password")) $("caps").hidden = !event.getModifierState("CapsLock");
    if ($("volume").hidden || event.ctrlKey || event.altKey || event.metaKey) return;
    KEYS[event.key.toLowerCase()]?.();
  });
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    root.dataset.theme = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
    localStorage.setItem("siaga.theme", root.dataset.theme);
    show();
  });
  $("language").addEventListener("click", () => {
    localStorage.setItem("siaga.language", otherLanguage());
    setLanguage(otherLanguage());
    show();
  });
}

// Who is in already goes straight on.
async function alreadyIn() {
  const answer = await fetch("/api/session", { signal: AbortSignal.timeout(5000) }).catch(() => null);
  return answer?.ok ?? false;
}

async function words() {
  for (;;) {
    try {
      return await loadWords("login.json");
    } catch {
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

async function start() {
  siren = new Siren(() => {});
  await words();
  setLanguage(localStorage.getItem("siaga.language") ?? language());
  if (await alreadyIn()) {
    leave();
    return;
  }
  wire();
  if (query.has("ended")) {
    // No alarm comes to a page that nobody is logged in at.
    $("ended").hidden = false;
    siren.set("stale");
  }
  show();
  setInterval(show, 500);
  $("name").focus();
  document.body.dataset.ready = "yes";
}

start();
