// All words come from strings.json, or a page's own file; this finds the one in the language of the page.

let tables = { id: {}, en: {} };
let current = "id";

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
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
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

export function has(key) {
  return key in tables.id;
}

export function timeOfDay(ms) {
  return new Date(ms).toLocaleTimeString(current === "id" ? "id-ID" : "en-GB", { hour12: false });
}

// A time of day, with its date when it is not today's.
export function moment(ms) {
  const then = new Date(ms);
  const time = timeOfDay(ms).slice(0, 5);
  if (then.toDateString() === new Date().toDateString()) return time;
  const day = then.toLocaleDateString(current === "id" ? "id-ID" : "en-GB", { day: "numeric", month: "short" });
  return `${day} ${time}`;
}

// A time span in ms as m:ss or h:mm:ss.
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const pad = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}
