// Times as the archive shows them: spans against their targets.

import { span, word } from "../words.js";
import { element } from "./shared.js";

const STEPS = ["accept", "depart", "resolve"];

let targets = {};

export function setTargets(found) {
  targets = found ?? {};
}

// How far something is from what it follows: milliseconds where they matter.
export function hop(ms) {
  if (Math.abs(ms) < 1000) return word("milliseconds", { count: ms });
  if (Math.abs(ms) < 60_000) return word("seconds", { count: (ms / 1000).toFixed(1) });
  return span(ms);
}

// "good", "late", or "" where there is no target or it never happened.
export function against(step, ms) {
  const target = targets[`${step}_s`];
  if (ms === null || target === undefined) return "";
  return ms <= target * 1000 ? "good" : "late";
}

// A span in the colour of its target, with a mark for who does not see the colour and words for who does not see.
export function spanOf(step, ms) {
  const made = element("span", "span", ms === null ? "—" : span(ms));
  const judged = against(step, ms);
  if (!judged) return made;
  made.dataset.target = judged;
  const target = span(targets[`${step}_s`] * 1000);
  made.prepend(element("span", "mark-of", judged === "good" ? "✓ " : "▲ "));
  made.append(element("span", "unseen", word(`target_${judged}`, { target })));
  made.title = word(`target_${judged}`, { target });
  return made;
}

export function times(incident) {
  return STEPS.map((step) => {
    const pair = element("div");
    const value = element("dd");
    value.append(spanOf(step, incident[`${step}_ms`]));
    const target = targets[`${step}_s`];
    if (target !== undefined) value.append(element("small", "", word("target", { target: span(target * 1000) })));
    pair.append(element("dt", "", word(`col_${step}`)), value);
    return pair;
  });
}
