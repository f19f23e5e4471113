// The buttons of the incident that stands large: what its state and the role allow, each with its key.

import { $, made, text } from "./dom.js";
import { offered } from "./states.js";
import { word } from "./words.js";

export const VERBS = {
  accept: "space",
  answer: "space",
  depart: "d",
  resolve: "r",
  close: "t",
  cancel: "b",
  note: "n",
};
const LEAD = new Set(["accept", "answer"]);

// Elements stay as long as the same is offered, so that none loses its focus.
export function renderActions(incident, may) {
  const box = $("hero-actions");
  const wanted = incident ? offered(incident, may) : [];
  if ([...box.children].map((button) => button.dataset.verb).join() !== wanted.join()) {
    const held = box.contains(document.activeElement) ? document.activeElement.dataset.verb : null;
    box.replaceChildren(...wanted.map((verb, at) => button(verb, at)));
    if (held !== null) box.querySelector(`[data-verb=${held}]`)?.focus();
  }
  for (const one of box.children) {
    text(one.firstChild, word(`do_${one.dataset.verb}`));
    text(one.lastChild, word(`key_${VERBS[one.dataset.verb]}`));
  }
}

function button(verb, at) {
  const one = made("button", `act ${LEAD.has(verb) ? "lead" : at === 0 ? "next" : "side"}`);
  one.type = "button";
  one.dataset.verb = verb;
  if (verb === "accept" || verb === "answer") one.id = "accept";
  else one.id = `do-${verb}`;
  one.append(made("span", "act-word"), made("kbd", ""));
  return one;
}
