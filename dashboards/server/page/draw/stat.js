// One large value, with a mark and a word for how grave it is.

import { el } from "../dom.js";
import { marked, valued } from "../format.js";
import { known, say } from "../words.js";

export function stat(panel, found) {
  const series = found.questions[0]?.series[0];
  const columns = found.questions[0]?.columns ?? [];
  const at = columns.findIndex((column) => column !== "time");
  const value = series?.rows.at(-1)?.[at] ?? null;
  if (value === null) return [];
  // Whether the desk records is 1 or 0 in the store, and yes or no for people.
  const shown = panel.key === "recording" ? String(value === 1) : value;
  const [text, unit] = valued(shown, panel.unit, panel.decimals);
  const missing = found.expected > 0 && typeof value === "number" ? found.expected - value : 0;
  const level = found.stale || found.no_answer ? "stale" : missing > 0 ? "watch" : (series.level ?? (found.expected ? "good" : null));
  const of = found.expected > 0 ? say("of", { n: found.expected }) : "";
  const told = missing > 0 ? `${marked(level)} · ${say("silent_count", { n: missing })}` : level ? marked(level) : "";
  return [
    el("p", `value ${level ?? ""}`, el("b", "", known(text)), el("span", "unit", unit || of)),
    told ? el("p", `level ${level}`, told) : "",
  ].filter(Boolean);
}
