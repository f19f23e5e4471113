// The incident that stands large.

import { $, made, text } from "./dom.js";
import { address, countWord, grave, kindWord, look, sourceLine, stateWord } from "./facts.js";
import { isWaiting } from "./states.js";
import { response } from "./times.js";
import { language, span, word } from "./words.js";

const BADGES = ["hero-kind", "hero-unrecorded", "hero-incomplete", "hero-count"];

// `idle` tells what may be said while there is no incident.
export function renderHero(incident, idle) {
  const hero = $("hero");
  hero.dataset.state = incident ? look(incident) : "none";
  hero.dataset.grave = incident ? grave(incident) : "";
  hero.dataset.idle = incident ? "" : idle.look;
  hero.dataset.incident = incident?.id ?? "";
  hero.dataset.status = incident?.status ?? "";
  for (const id of ["hero-actions", "hero-more", "hero-times"]) $(id).hidden = !incident;
  if (!incident) {
    renderIdle(idle);
    return;
  }
  text($("hero-state"), stateWord(incident));
  badge("hero-kind", kindWord(incident));
  badge("hero-unrecorded", incident.recorded ? null : word("not_recorded"));
  badge("hero-incomplete", incident.incomplete ? word("incomplete") : null);
  badge("hero-count", incident.presses > 1 ? countWord(incident) : null);
  text($("hero-address"), address(incident));
  text($("hero-device"), sourceLine(incident));
  renderMore(incident);
}

function renderIdle(idle) {
  text($("hero-state"), word(idle.badge));
  for (const id of BADGES) badge(id, null);
  text($("hero-address"), word(idle.title));
  text($("hero-device"), idle.lead ? `${idle.lead}. ${word(idle.text)}` : word(idle.text));
  text($("hero-age"), "");
  text($("hero-since"), "");
}

function badge(id, value) {
  $(id).hidden = value === null;
  if (value !== null) text($(id), value);
}

function renderMore(incident) {
  const { call } = incident;
  const instructions = incident.instructions[language()] || incident.instructions.id || incident.instructions.en;
  part("hero-instructions", instructions);
  part("hero-call", call?.text);
  part("hero-caller", call?.caller);
  part("hero-notes", incident.notes.at(-1)?.text);
  const photo = $("hero-photo");
  photo.hidden = !incident.photo || photo.dataset.broken === incident.photo;
  if (incident.photo && photo.getAttribute("src") !== incident.photo) photo.src = incident.photo;
  photo.alt = word("photo", { address: address(incident) });
  const shown = ["hero-instructions", "hero-call", "hero-caller", "hero-notes", "hero-photo"];
  $("hero-more").hidden = shown.every((id) => $(id).hidden);
}

function part(id, value) {
  $(id).hidden = !value;
  text($(`${id}-text`), value ?? "");
}

// Ages count on; `now` is the centre's time in ms.
export function renderAges(incident, targets, now) {
  if (incident) {
    const running = isWaiting(incident);
    const until = running ? now : (incident.accepted_at_ms ?? incident.ended_at_ms ?? now);
    const from = incident.state === "open" ? incident.opened_at_ms : (incident.unanswered_since_ms ?? incident.opened_at_ms);
    text($("hero-age"), span(until - from));
    text($("hero-since"), word(!running ? "took" : incident.presses > 0 ? "since_pressed" : "since_called"));
    renderTimes(incident, targets, now);
  }
  for (const element of document.querySelectorAll("[data-since]"))
    text(element, span((Number(element.dataset.until) || now) - Number(element.dataset.since)));
}

// Each time with its target: a colour, a shape and a word, so that none of them has to be seen alone.
function renderTimes(incident, targets, now) {
  const found = targets === null ? [] : response(incident, targets, now);
  const list = $("hero-times");
  while (list.children.length > found.length) list.lastChild.remove();
  while (list.children.length < found.length) list.append(chip());
  found.forEach((one, at) => {
    const item = list.children[at];
    item.dataset.level = one.level;
    const [, name, time, target, level] = item.children;
    text(name, word(`time_${one.name}`));
    text(time, span(one.ms));
    text(target, `/ ${span(one.target_ms)}`);
    text(level, word(`level_${one.level}${one.running || one.level === "late" ? "" : "_done"}`));
  });
}

function chip() {
  const item = made("li", "time");
  const shape = made("span", "shape");
  shape.setAttribute("aria-hidden", "true");
  item.append(shape, made("span", "time-name"), made("b", "time-value"), made("span", "time-target"));
  item.append(made("span", "time-level"));
  return item;
}
