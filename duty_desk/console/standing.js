// What stands for the whole desk, on each of its pages: a bell that sounds, a drill that runs.

import { $, text } from "./dom.js";
import { has, moment, word } from "./words.js";

// `state` is a beat or a snapshot; `heard` whether the desk is heard, as a bell may be silenced meanwhile.
export function renderStanding({ bells = [], drill = null }, heard = true) {
  $("bells").hidden = bells.length === 0 || !heard;
  text($("bells-title"), word(bells.every(({ silenced }) => silenced) ? "bells_silenced" : "bells_sound"));
  const told = bells.map(bellWords).join(". ");
  text($("bells-text"), bells.some(({ silenced }) => !silenced) ? `${told}. ${word("bell_do")}` : told);
  $("drill").hidden = drill === null;
  if (drill === null) return;
  const { name, began_ms, steps, done } = drill;
  text($("drill-text"), word("drill_text", { name, steps, done, time: moment(began_ms) }));
}

function bellWords({ bell, reasons, why, since_ms }) {
  const known = (reasons.length > 0 ? reasons : why.split(", ").filter(Boolean)).map(reasonWord);
  const causes = known.join(", ") || word("bell_why_unknown");
  const told = reasons.length > 0 ? causes : word("bell_over", { why: causes });
  return word("bell_told", { bell, why: told, time: moment(since_ms) });
}

function reasonWord(reason) {
  const [kind, place] = reason.split(" ");
  if (kind === "press") return word("bell_why_press", { place });
  const key = `bell_why_${reason.replaceAll(" ", "_")}`;
  return has(key) ? word(key) : reason;
}
