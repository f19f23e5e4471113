// The entries of an incident as lines to read: { at_ms, kind, title, detail, unrecorded }.

import { causeWord } from "./facts.js";
import { has, word } from "./words.js";

const DELIVERY = new Set(["delivered", "shown", "seen"]);

// Deliveries of one press at several screens are one line; "delivered" is left out where it was shown as well.
export function toldBy(entries) {
  const lines = [];
  const open = new Map();
  const shown = new Set(entries.filter((one) => one.kind === "shown").map(place));
  for (const entry of entries) {
    if (!DELIVERY.has(entry.kind)) {
      if (!["started", "audit"].includes(entry.kind)) lines.push(told(entry));
      continue;
    }
    if (entry.kind === "delivered" && shown.has(place(entry))) continue;
    const name = `${entry.kind} ${entry.key}`;
    const line = open.get(name);
    if (line) line.screens.add(entry.screen);
    else {
      const made = { at_ms: entry.at_ms, kind: entry.kind, screens: new Set([entry.screen]) };
      open.set(name, made);
      lines.push(made);
    }
  }
  for (const line of lines)
    if (line.screens) line.title = word(`story_${line.kind}`, { screens: [...line.screens].join(", ") });
  return lines;
}

const place = (entry) => `${entry.key} ${entry.screen}`;

function told(entry) {
  const key = `story_${entry.kind}`;
  const values = { who: entry.who ?? word("nobody"), screen: entry.screen ?? "", reason: "", rings: "" };
  if (entry.reason) values.reason = word(`reason_${entry.reason}`);
  if (entry.rings) values.rings = audience(entry.rings);
  if (entry.kind === "page") return paged(entry);
  const title = entry.kind === "press" ? pressed(entry) : word(has(key) ? key : "story_other", { ...values, kind: entry.kind });
  const at = entry.screen && entry.kind !== "press" ? ` · ${entry.screen}` : "";
  const { at_ms, kind } = entry;
  const missing = entry.nobody?.length ? word("story_nobody", { who: audience(entry.nobody) }) : undefined;
  return { at_ms, kind, title: title + at, detail: entry.text ?? entry.note ?? missing, unrecorded: entry.sequence === null };
}

// What became of a call to somebody, by which channel.
function paged({ at_ms, kind, channel, who, outcome, detail, sequence }) {
  const became = outcome === "answered" ? known("answer", detail) : known("outcome", outcome);
  const title = [known("channel", channel), who, became].filter(Boolean).join(" · ");
  return { at_ms, kind, title, detail: outcome === "answered" || !detail ? undefined : known("detail", detail), unrecorded: sequence === null };
}

const audience = (names) => names.map((one) => known("rings", one)).join(", ");

function known(prefix, name) {
  return has(`${prefix}_${name}`) ? word(`${prefix}_${name}`) : name;
}

function pressed(entry) {
  const parts = [causeWord(entry.cause ?? "press")];
  if (entry.lane === "telemetry") parts.push(word("lane_telemetry"));
  if (entry.detail) parts.push(entry.detail);
  if (entry.incomplete) parts.push(word("row_incomplete", { fault: entry.fault }));
  return parts.join(" · ");
}
