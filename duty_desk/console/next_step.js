// What happens next if nobody answers: the next step of the desk's plan, or the next call of one that was reached,
// whichever comes first.

import { has, span, timeOfDay, word } from "./words.js";

// Calls so near to one another are told as one.
const TOGETHER_MS = 1000;

// `steps` are those of /api/upcoming; `now` is the centre's time in ms. Null when nothing more comes.
export function nextWords(steps, now) {
  const step = steps.find(({ reached }) => !reached);
  const again = steps.filter(({ reached, again_at_ms }) => reached && again_at_ms !== null);
  const first = Math.min(...again.map(({ again_at_ms }) => again_at_ms));
  if (step === undefined && again.length === 0) return null;
  if (step === undefined || first < step.at_ms) {
    const calls = again.filter(({ again_at_ms }) => again_at_ms < first + TOGETHER_MS);
    return told("next_again", first, now, [...new Set(calls.map(pages))].join("; "));
  }
  const rings = step.rings.map((one) => word(`rings_${one}`)).join(", ");
  return told("next_step", step.at_ms, now, [rings, pages(step)].filter(Boolean).join("; "));
}

function told(key, at, now, what) {
  return word(at > now ? key : `${key}_now`, { what, in: span(at - now + 999), time: timeOfDay(at) });
}

function pages({ channels, people, nobody }) {
  const by = channels.filter((name) => !nobody.includes(name)).map(named).join(", ");
  const told = by === "" || people.length === 0 ? [by] : [word("next_pages", { by, who: people.join(", ") })];
  if (nobody.length > 0) told.push(word("next_nobody", { by: nobody.map(named).join(", ") }));
  return told.filter(Boolean).join("; ");
}

function named(name) {
  return has(`channel_${name}`) ? word(`channel_${name}`) : name;
}
