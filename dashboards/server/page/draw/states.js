// Words over time: a band for each series, each stretch with its word. The newest word stands beside the name as well: a
// stretch that is too narrow for its word has none.

import { el } from "../dom.js";
import { clock } from "../format.js";
import { known } from "../words.js";

const GAP = 3;

export function states(panel, found) {
  const { from_ms: from, to_ms: to } = found;
  const kinds = [];
  const bands = found.questions.flatMap(({ columns, series }) => {
    const at = columns.findIndex((column) => column !== "time");
    return series.map((each) => {
      const band = el("div", "band");
      const found = stretches(each.rows, columns.indexOf("time"), at, to);
      for (const { word, start, end } of found) {
        if (!kinds.includes(word)) kinds.push(word);
        const part = el("span", `word kind${kinds.indexOf(word) % 5}`, el("span", "", known(word)));
        part.style.left = `${((start - from) / (to - from)) * 100}%`;
        part.style.width = `${((end - start) / (to - from)) * 100}%`;
        band.append(part);
      }
      return el("div", "state", el("span", "name", each.label, found.length > 0 ? el("b", "", known(found.at(-1).word)) : ""), band);
    });
  });
  return [...bands, el("p", "span", el("span", "", from ? clock(from) : ""), el("span", "", to ? clock(to) : ""))];
}

function stretches(rows, timeAt, at, to) {
  const steps = rows.slice(1).map((row, n) => row[timeAt] - rows[n][timeAt]).sort((one, other) => one - other);
  const step = steps[Math.floor(steps.length / 2)] ?? 60_000;
  const found = [];
  for (const row of rows) {
    const word = row[at];
    if (word === null) continue;
    const start = row[timeAt];
    const last = found.at(-1);
    if (last && last.word === word && start - last.end <= GAP * step) last.end = Math.min(to, start + step);
    else {
      if (last && start - last.end <= GAP * step) last.end = start;
      found.push({ word, start, end: Math.min(to, start + step) });
    }
  }
  return found;
}
