// The head and foot of a screen: whose city, how old its data is, who is silent.

import { el } from "./dom.js";
import { clock, lasted } from "./format.js";
import { now } from "./time.js";
import { say } from "./words.js";

const MOST_NAMES = 8;

export function head(state, title, number) {
  document.getElementById("city").textContent = state.city;
  document.getElementById("title").textContent = title;
  document.getElementById("number").textContent = state.language === "id" ? `L${number}` : `S${number}`;
  document.title = `${number} · ${title || state.city}`;
}

// A drill runs: a number on this screen may be of it.
export function drill(name) {
  const band = document.getElementById("drill");
  band.hidden = name === null;
  band.textContent = name === null ? "" : `${say("drill")}: ${name}`;
}

function badge(text, bad) {
  const age = document.getElementById("age");
  age.textContent = text;
  age.dataset.bad = bad ? "true" : "";
}

// `health`: what the server says of the dashboard's data.
export function foot(state, shown, cut) {
  const health = shown?.health;
  const place = document.getElementById("foot");
  if (!state || !health) {
    badge(cut || say("loading"), Boolean(cut));
    place.replaceChildren();
    return;
  }
  const parts = [];
  if (cut) parts.push(el("strong", "bad", cut));
  if (health.no_answer_since_ms) {
    parts.push(el("strong", "bad", say("no_store_since", { at: clock(health.no_answer_since_ms, now()) })));
  }
  if (state.planned === "grafana" && state.source === "board") parts.push(el("strong", "warn", `▲ ${say("no_grafana")}`));
  if (health.stale.length > 0) {
    const names = health.stale.map(({ title, newest_ms }) => (newest_ms ? `${title} (${clock(newest_ms, now())})` : title));
    parts.push(el("span", "warn", el("b", "", `✕ ${say("stale_panels")}: `), some(names)));
  }
  if (health.silent.length > 0) {
    const names = health.silent.map(({ label, since_ms }) => (since_ms ? `${label} (${clock(since_ms, now())})` : label));
    parts.push(el("span", "warn", el("b", "", `✕ ${say("silent_count", { n: names.length })}: `), some(names)));
  }
  if (parts.length === 0 && health.expected > 0) parts.push(el("span", "fine", `✓ ${say("all_heard")}`));
  place.replaceChildren(...parts);
  if (cut) badge(cut, true);
  else if (health.no_answer_since_ms) badge(say("old_values"), true);
  else if (health.newest_ms === null) badge(say(health.quiet ? "none_in_range" : "none"), !health.quiet);
  else badge(say("age", { age: lasted(now() - health.newest_ms) }), false);
}

function some(names) {
  const rest = names.length - MOST_NAMES;
  return names.slice(0, MOST_NAMES).join(", ") + (rest > 0 ? ` ${say("more", { n: rest })}` : "");
}
