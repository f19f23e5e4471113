// A word to the officer that goes away by itself.

const SHOWN_MS = 5000;
const element = document.getElementById("notice");
let timer = 0;

export function notice(text, kind) {
  element.textContent = text;
  element.dataset.kind = kind;
  clearTimeout(timer);
  timer = setTimeout(() => (element.textContent = ""), SHOWN_MS);
}
