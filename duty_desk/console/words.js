// All words come from strings.json, or a page's own file; this finds the one in the language of the page. Times are told
// in the city's zone, wherever the browser is.

let tables = { id: {}, en: {} };
let current = "id";
const zone = known(document.documentElement.dataset.zone);
const formats = new Map();

export async function loadWords(file = "strings.json") {
  const answer = await fetch(`/static/${file}`);
  tables = await answer.json();
}

// Words of another file, as far as the page has none of its own for them.
export async function addWords(file = "strings.json") {
  const answer = await fetch(`/static/${file}`);
  const found = await answer.json();
  for (const name of Object.keys(tables)) tables[name] = { ...found[name], ...tables[name] };
}

export function setLanguage(language) {
  current = language in tables ? language : "id";
  document.documentElement.lang = current;
  for (const element of document.querySelectorAll("[data-word]")) fill(element, word(element.dataset.word));
  for (const element of document.querySelectorAll("[data-word-label]"))
    element.setAttribute("aria-label", word(element.dataset.wordLabel));
  for (const element of document.querySelectorAll("[data-word-placeholder]"))
    element.placeholder = word(element.dataset.wordPlaceholder);
}

export function language() {
  return current;
}

export function otherLanguage() {
  return current === "id" ? "en" : "id";
}

// `values` fill the {places} of the string.
export function word(key, values = {}) {
  const text = tables[current][key] ?? tables.id[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

// Puts a text into an element; what is within `backticks` of it is a command, for people to copy.
export function fill(element, text) {
  element.replaceChildren(...text.split("`").map((part, at) => (at % 2 ? command(part) : part)));
  return element;
}

function command(text) {
  const made = document.createElement("code");
  made.textContent = text;
  return made;
}

export function has(key) {
  return key in tables.id;
}

// A zone that this browser does not know leaves it its own, whose name is then beside the clock.
function known(name) {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

// How the city's times are told, by Intl's options; kept, as to make a format takes longer than all its uses.
function format(options, locale = current === "id" ? "id-ID" : "en-GB") {
  const key = JSON.stringify([locale, options]);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(locale, { ...options, timeZone: zone }));
  return formats.get(key);
}

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const DAY = { day: "numeric", month: "short", year: "numeric" };

export function timeOfDay(ms, more = {}) {
  return format({ ...CLOCK, ...more }).format(ms);
}

export function day(ms) {
  return format(DAY).format(ms);
}

// A time of day, with its date when it is not today's.
export function moment(ms) {
  const time = timeOfDay(ms).slice(0, 5);
  if (day(ms) === day(Date.now())) return time;
  return `${format({ day: "numeric", month: "short" }).format(ms)} ${time}`;
}

// As people there call it: WIB, WITA, WIT. In English they would have no names.
export function zoneName(ms) {
  const parts = format({ timeZoneName: "short" }, "id-ID").formatToParts(ms);
  return parts.find(({ type }) => type === "timeZoneName").value;
}

// When a day (as in 2026-11-22) begins there, in ms since 1970; `later` so many days after it.
export function midnight(date, later = 0) {
  const [year, month, of] = date.split("-").map(Number);
  const wanted = Date.UTC(year, month - 1, of + later);
  // Once more, as the clocks may have changed between the guess and the day's begin.
  const guess = wanted - ahead(wanted);
  return wanted - ahead(guess);
}

function ahead(ms) {
  const parts = { year: "numeric", month: "2-digit", day: "2-digit", ...CLOCK };
  const [, d, m, y, ...clock] = /(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)/.exec(format(parts, "en-GB").format(ms)).map(Number);
  return Date.UTC(y, m - 1, d, ...clock) - ms;
}

// A time span in ms as m:ss or h:mm:ss.
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const pad = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}
