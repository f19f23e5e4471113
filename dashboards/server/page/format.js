// Numbers, units, ages and levels, as people read them.

import { now } from "./time.js";
import { say, spoken } from "./words.js";
import { dayAndMonth, local } from "./zone.js";

const UNITS = { "ug/m3": "µg/m³", Cel: "°C", "dB[mW]": "dBm", deg: "°", "1": "", By: "B", "m/h": { id: "m/jam", en: "m/h" } };
const LEVELS = ["good", "watch", "bad", "critical"];
// Each level has a mark of another shape and a word: colour is never the only sign.
export const MARKS = { good: "✓", watch: "▲", bad: "◆", critical: "‼", stale: "✕" };

export function gravity(level) {
  return LEVELS.indexOf(level);
}

export function marked(level) {
  return `${MARKS[level]} ${say(level)}`;
}

export function unitOf(unit) {
  const found = UNITS[unit] ?? unit;
  return typeof found === "string" ? found : found[spoken()];
}

export function number(value, decimals = null) {
  if (typeof value !== "number") return String(value);
  const places = decimals ?? (Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2);
  return new Intl.NumberFormat(spoken() === "id" ? "id-ID" : "en-GB", {
    minimumFractionDigits: decimals ?? 0,
    maximumFractionDigits: places,
  }).format(value);
}

// A value with its unit: [text, unit].
export function valued(value, unit, decimals = null) {
  if (value === null || value === undefined) return ["–", ""];
  if (typeof value !== "number") return [String(value), ""];
  if (unit === "By") {
    const power = Math.min(4, Math.floor(Math.log10(Math.max(1, Math.abs(value))) / 3));
    return [number(value / 1000 ** power, decimals ?? 1), ["B", "kB", "MB", "GB", "TB"][power]];
  }
  if (unit === "s" && Math.abs(value) >= 120) return [lasted(value * 1000), ""];
  return [number(value, decimals), unitOf(unit)];
}

export function lasted(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 100) return say("seconds", { n: s });
  if (s < 6000) return say("minutes", { n: Math.round(s / 60) });
  if (s < 172800) return say("hours", { n: Math.round(s / 3600) });
  return say("days", { n: Math.round(s / 86400) });
}

// hh:mm, as the city's clocks show it; another day than `today`'s is said.
export function clock(ms, today = now(), withSeconds = false) {
  const at = local(ms);
  const there = local(today);
  const same = ["year", "month", "day"].every((part) => at[part] === there[part]);
  const day = same ? "" : `${dayAndMonth(ms, spoken() === "id" ? "id-ID" : "en-GB")} `;
  return `${day}${at.hour}:${at.minute}${withSeconds ? `:${at.second}` : ""}`;
}
