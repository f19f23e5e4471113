// The newest values side by side, gravest first; who is silent has a hatched bar, not none.

import { el, rem } from "../dom.js";
import { MARKS, clock, gravity, valued } from "../format.js";
import { now } from "../time.js";
import { known, say } from "../words.js";

const ROW_REM = 1.72;

export function bars(panel, found, body) {
  const rows = valuesOf(found);
  const lowIsBad = panel.thresholds.length > 1 && panel.thresholds.at(-1).level === "good";
  rows.sort((one, other) => gravity(other.level) - gravity(one.level) || (lowIsBad ? one.value - other.value : other.value - one.value));
  const low = panel.minimum ?? 0;
  const high = panel.maximum ?? Math.max(...rows.map(({ value }) => value), low + 1);
  const share = (value) => (Math.min(high, Math.max(low, value)) - low) / (high - low);
  const room = Math.max(2, Math.floor(body.clientHeight / (ROW_REM * rem())));
  const silent = found.no_answer ? [] : found.silent;
  const forSilent = Math.min(silent.length, Math.max(1, room - rows.length));
  const shown = rows.slice(0, rows.length > room - forSilent ? room - forSilent - (silent.length > 0 ? 0 : 1) : undefined);
  const drawn = shown.map(({ label, value, level, stale }) => {
    const kind = stale || found.no_answer ? "stale" : (level ?? "plain");
    const bar = el("span", `bar ${kind}`);
    const zero = share(Math.max(low, Math.min(high, 0)));
    const end = share(value);
    bar.style.left = `${Math.min(zero, end) * 100}%`;
    bar.style.width = `${Math.max(0.4, Math.abs(end - zero) * 100)}%`;
    const [text, unit] = valued(value, panel.unit, panel.decimals);
    const mark = MARKS[kind] ?? "";
    return el("li", kind, el("span", "name", known(label)), el("span", "track", bar), el("span", "figure", `${mark} ${text}`, el("small", "", ` ${unit}`)));
  });
  const hidden = rows.length - shown.length;
  const quiet = silent.length <= forSilent ? silent.map(one) : [...silent.slice(0, forSilent - 1).map(one), summary(silent.slice(forSilent - 1))];
  const list = el("ul", "bars", ...drawn, ...quiet);
  return hidden > 0 ? [list, el("p", "more", say("more", { n: hidden }))] : [list];
}

function valuesOf(found) {
  return found.questions.flatMap(({ columns, series }) => {
    const at = columns.findIndex((column) => column !== "time");
    return series
      .filter((each) => !each.stale && typeof each.rows.at(-1)?.[at] === "number")
      .map((each) => ({ label: each.label, value: each.rows.at(-1)[at], level: each.level, stale: each.stale }));
  });
}

function one({ label, since_ms }) {
  const told = since_ms ? say("silent_since", { at: clock(since_ms, now()) }) : say("silent");
  return el("li", "stale", el("span", "name", label), el("span", "track hatched"), el("span", "figure", `${MARKS.stale} ${told}`));
}

function summary(rest) {
  const names = rest.map(({ label }) => label).join(", ");
  return el("li", "stale wide", `${MARKS.stale} ${say("silent_count", { n: rest.length })}: ${names}`);
}
