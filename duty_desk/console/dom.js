// Small steps on the page. Everything that came from outside goes in by textContent.

// Where no frame comes, as in a page behind others, the page is brought up to date all the same.
const NO_FRAME_MS = 250;

// Runs something once, at the next frame or after NO_FRAME_MS; returns what calls it off.
export function nextFrame(run) {
  const off = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  const once = () => {
    off();
    run();
  };
  const frame = requestAnimationFrame(once);
  const timer = setTimeout(once, NO_FRAME_MS);
  return off;
}

export const $ = (id) => document.getElementById(id);

export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

// A new element with a class and a text.
export function made(tag, name, value = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (value) element.textContent = value;
  return element;
}
