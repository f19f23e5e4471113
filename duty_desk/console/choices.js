// What this browser remembers: how this screen is called, language, theme and contrast.

import { atScreen, get } from "./api.js";
import { $, text } from "./dom.js";
import { logOut, may, me, role } from "./session.js";
import { otherLanguage, word } from "./words.js";

const THEMES = ["auto", "dark", "light"];
const CONTRASTS = ["auto", "more"];
const SCREEN_MAX = 40;
// The names that pages gave themselves before a screen could be named.
const MADE_UP = /^s-[a-z0-9]+$/;

const keep = (name, value) => localStorage.setItem(`siaga.${name}`, value);
const kept = (name) => localStorage.getItem(`siaga.${name}`);

let screen = MADE_UP.test(kept("screen") ?? "") ? null : kept("screen");

export const language = () => kept("language");
export const screenName = () => screen;

// The name as the desk takes it: letters, digits, spaces and hyphens.
function plain(name) {
  const tidy = name.replace(/[^\p{L}\p{N} -]+/gu, " ").replace(/\s+/g, " ").slice(0, SCREEN_MAX);
  return tidy.replace(/^[ -]+|[ -]+$/g, "");
}

// A screen without a name takes the first number that no connected screen has.
export async function nameScreen() {
  if (!screen) {
    const taken = await get("/api/screens").catch(() => null);
    const names = (taken?.screens ?? []).map((one) => one.screen ?? one);
    const numbers = new Set(names.map((name) => Number(/\d+$/.exec(name)?.[0])));
    let number = 1;
    while (numbers.has(number)) number += 1;
    screen = word("screen_default", { number });
    // Without an answer the number is a guess, and is asked for again next time.
    if (taken) keep("screen", screen);
  }
  atScreen(screen);
}

export function renderChoices() {
  const { theme, contrast } = document.documentElement.dataset;
  text($("theme"), word(`theme_${theme}`));
  text($("contrast"), word(`contrast_${contrast}`));
  text($("officer"), me());
  text($("role"), word(`role_${role()}`));
  $("to-call").hidden = !may("call");
  $("to-archive").hidden = !may("archive");
  if (document.activeElement !== $("screen")) $("screen").value = screen;
}

export function wireChoices({ renamed, languageChanged }) {
  $("screen").addEventListener("change", () => {
    screen = plain($("screen").value) || screen;
    $("screen").value = screen;
    keep("screen", screen);
    atScreen(screen);
    renamed();
  });
  $("names-form").addEventListener("submit", (event) => {
    event.preventDefault();
    document.activeElement.blur();
  });
  turn("theme", THEMES);
  turn("contrast", CONTRASTS);
  $("language").addEventListener("click", () => {
    keep("language", otherLanguage());
    languageChanged(otherLanguage());
  });
  $("log-out").addEventListener("click", () => logOut(screen).catch(() => {}));
}

function turn(name, values) {
  $(name).addEventListener("click", () => {
    const root = document.documentElement;
    root.dataset[name] = values[(values.indexOf(root.dataset[name]) + 1) % values.length];
    keep(name, root.dataset[name]);
    renderChoices();
  });
}
