// What happens next if nobody answers: the next step of the desk's plan, or the next call of one that was reached,
// whichever comes first.

import { has, span, timeOfDay, word } from "./words.js";

// `steps` are those of /api/upcoming; `now` is the centre's time in ms. Null when nothing more comes.
export function nextWords(steps, now) {
  const step = steps.find(({ reached }) => !reached);
  const again = steps.filter(({ reached, again_at_ms }) => reached && again_at_ms !== null);
  const call = again.sort((one, other) => one.again_at_ms - other.again_at_ms)[0];
  if (step === undefined && call === undefined) return null;
  if (step === undefined || (call !== undefined && call.again_at_ms < step.at_ms))
    return told("next_again", call.again_at_ms, now, pages(call));
  const rings = step.rings.map((one) => word(`rings_${one}`)).join(", ");
  return told("next_step", step.at_ms, now, [rings, pages(step)].filter(Boolean).join("; "));
}

function told(key, at, now, what) {
  return word(at > now ? key : `${key}_now`, { what, in: span(at - now + 999), time: timeOfDay(at) });
}

function pages({ channels, people }) {
  if (channels.length === 0) return "";
  const by = channels.map((name) => (has(`channel_${name}`) ? word(`channel_${name}`) : name)).join(", ");
  return people.length > 0 ? word("next_pages", { by, who: people.join(", ") }) : by;
}
