// What a screen reader says: each new incident, and in a flood only how many there are, at most every few seconds.

import { word } from "./words.js";

const BETWEEN_MS = 4000;
const element = document.getElementById("news");
let waiting = [];
let timer = 0;

export function announce(text) {
  waiting.push(text);
  if (timer === 0) say();
}

export function hush() {
  waiting = [];
  element.textContent = "";
}

function say() {
  timer = 0;
  if (waiting.length === 0) return;
  element.textContent = waiting.length > 1 ? word("news_many", { count: waiting.length }) : waiting[0];
  waiting = [];
  timer = setTimeout(say, BETWEEN_MS);
}
