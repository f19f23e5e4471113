// What this browser remembers: how this screen is called, language and theme; and who is logged in here.

import { get } from "./api.js";
import { logOut, me } from "./session.js";
import { otherLanguage, word } from "./words.js";

const THEMES = ["auto", "dark", "light"];
const SCREEN_MAX = 40;
// The names that pages gave themselves before a screen could be named.
const MADE_UP = /^s-[a-z0-9]+$/;

const $ = (id) => document.getElementById(id);
const keep = (name, value) => localStorage.setItem(`siaga.${name}`, value);
const kept = (name) => localStorage.getItem(`siaga.${name}`);

let screen = MADE_UP.test(kept("screen") ?? "") ? null : kept("screen");

export const language = () => kept("language");
export const officer = me;
export const screenName = () => screen;

// The name as the desk takes it: letters, digits, spaces and hyphens.
function plain(name) {
  const text = name.replace(/[^\p{L}\p{N} -]+/gu, " ").replace(/\s+/g, " ").slice(0, SCREEN_MAX);
  return text.replace(/^[ -]+|[ -]+$/g, "");
}

// A screen without a name takes the first number that no connected screen has.
export async function nameScreen() {
  if (screen) return;
  const taken = await get("/api/screens").catch(() => null);
  const numbers = new Set(taken?.screens.map((name) => Number(/\d+$/.exec(name)?.[0])));
  let number = 1;
  while (numbers.has(number)) number += 1;
  screen = word("screen_default", { number });
  // Without an answer the number is a guess, and is asked for again next time.
  if (taken) keep("screen", screen);
}

export function renderChoices() {
  $("theme").textContent = word(`theme_${document.documentElement.dataset.theme}`);
  $("officer").textContent = me();
  if (document.activeElement !== $("screen")) $("screen").value = screen;
}

export function wireChoices({ renamed, languageChanged }) {
  $("logout").addEventListener("click", () => logOut(screen).catch(() => {}));
  $("screen").addEventListener("change", () => {
    screen = plain($("screen").value) || screen;
    $("screen").value = screen;
    keep("screen", screen);
    renamed();
  });
  $("names-form").addEventListener("submit", (event) => {
    event.preventDefault();
    document.activeElement.blur();
  });
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    root.dataset.theme = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
    keep("theme", root.dataset.theme);
    renderChoices();
  });
  $("language").addEventListener("click", () => {
    keep("language", otherLanguage());
    languageChanged(otherLanguage());
  });
}
