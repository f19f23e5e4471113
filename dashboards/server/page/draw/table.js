// Rows of a table, as the server joined them; the silent ones first, as nothing else tells of them.

import { el, rem } from "../dom.js";
import { MARKS, clock, gravity, lasted, valued } from "../format.js";
import { now } from "../time.js";
import { known, say } from "../words.js";

const ROW_REM = 1.62;
const NAMES = ["device", "street"];

export function table(panel, found, body) {
  const listed = found.rows.some((row) => row.label === "");
  const own = panel.columns.some(({ field }) => NAMES.includes(field));
  const missing = found.no_answer ? [] : found.silent.filter(({ since_ms }) => !since_ms);
  const rows = [...found.rows];
  if (!listed) {
    rows.sort((one, other) => other.stale - one.stale || worst(other) - worst(one) || one.label.localeCompare(other.label, undefined, { numeric: true }));
  }
  const columns = panel.columns;
  const few = columns.length < 6;
  const headings = [
    listed ? el("th", "time", say("time_heading")) : own ? "" : el("th", "name", say("name_heading")),
    ...columns.map(({ field, heading, unit }) => el("th", NAMES.includes(field) ? "name" : "", heading, unit && unit !== "1" && unit !== "By" ? el("small", "", ` ${valued(0, unit)[1]}`) : "")),
    listed ? "" : el("th", "", say("age_heading")),
  ].filter(Boolean);
  const room = Math.max(1, Math.floor(body.clientHeight / (ROW_REM * rem())) - 3);
  const quiet = missing.slice(0, Math.max(1, Math.floor(room / 3), room - rows.length)).map(({ label }) =>
    el("tr", "stale", own ? "" : el("td", "name", label), ...columns.map((_, at) => (own && at === 0 ? el("td", "name", label) : el("td", "", "–"))), el("td", "", `${MARKS.stale} ${say(few ? "silent" : "never")}`)),
  );
  const drawn = rows.slice(0, Math.max(0, room - quiet.length)).map((row) => line(row, columns, listed, own, found));
  const hidden = rows.length + missing.length - drawn.length - quiet.length;
  const made = el("table", few ? "few" : "", el("thead", "", el("tr", "", ...headings)), el("tbody", "", ...quiet, ...drawn));
  return hidden > 0 ? [made, el("p", "more", say("more", { n: hidden }))] : [made];
}

function line(row, columns, listed, own, found) {
  const stale = row.stale || Boolean(found.no_answer);
  const cells = columns.map(({ field, unit, decimals }) => {
    const level = stale ? null : row.levels[field];
    const value = row.cells[field];
    const word = field.endsWith("_trusted") && value !== undefined ? String(value === 1) : value;
    const [text, given] = valued(typeof word === "string" ? known(word) : word, unit, decimals);
    const shown = unit === "By" ? `${text} ${given}` : text;
    if (NAMES.includes(field)) return el("td", "name", text);
    return el("td", `${typeof value === "number" ? "number" : ""} ${level ?? ""}`, level && level !== "good" ? `${MARKS[level]} ${shown}` : shown);
  });
  const age = row.newest_ms ? lasted(now() - row.newest_ms) : "–";
  const level = stale ? "stale" : (row.levels.age ?? "");
  return el(
    "tr",
    stale ? "stale" : "",
    listed ? el("td", "time", row.newest_ms ? clock(row.newest_ms, now()) : "–") : own ? "" : el("td", "name", row.label),
    ...cells,
    listed ? "" : el("td", `number ${level}`, level && level !== "good" ? `${MARKS[level]} ${age}` : age),
  );
}

function worst(row) {
  return Math.max(-1, ...Object.values(row.levels).map(gravity));
}
