// Small steps on the page. Everything that came from outside goes in by textContent.

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
