// Test presses: how many came in time, how long each hop takes, what is broken, and how each box did.

import { fill, language, moment, word } from "../words.js";
import { $, Asked, begin, element, lookIn } from "./shared.js";

const AGAIN_MS = 5_000;
// So many tests may be missed before the page says that none comes, and so many silent boxes have a line each.
const MISSED = 3;
const LINES = 3;

function draw(told) {
  const broken = told.hops.filter(({ broken_since_ms }) => broken_since_ms !== null);
  const hops = broken.map(({ hop }) => word(`short_${hop}`)).join(", ");
  const tested = told.hops.some(({ count }) => count > 0);
  const state = word(`state_${told.state}`, { each: told.each_s });
  const centre = broken.length > 0 ? word("broken", { hops }) : tested ? word("all_good") : "";
  text($("told"), [centre, state, waiting(told)].filter(Boolean).join(" "));
  $("told").dataset.good = String(broken.length === 0 && told.state === "on");
  $("shares").replaceChildren(...told.shares.map((one) => share(one, told.target)));
  table($("hops"), ["hop", "count", "p50", "p99", "state"], told.hops.map(hop));
  const wrong = troubles(told.troubles.filter(({ kind }) => kind !== "never"));
  if (told.clock === "none") wrong.unshift(fill(element("li"), word("trouble_desk_clock")));
  $("troubles-part").hidden = wrong.length === 0;
  $("troubles").replaceChildren(...wrong);
  never(told.troubles.filter(({ kind }) => kind === "never"));
  table($("boxes"), ["box", "last", "result", "alarm", "telemetry"], told.boxes.map(box));
}

// A box with an incident or without a connection is not tested: of all of them together the page has old numbers.
function waiting({ state, each_s, now_ms, boxes }) {
  const own = boxes.filter(({ outcome }) => outcome !== "arrived");
  const last = Math.max(...own.map(({ at_ms }) => at_ms ?? -Infinity));
  if (state !== "on" || !Number.isFinite(last) || now_ms - last <= MISSED * each_s * 1_000) return "";
  return word("waiting", { time: moment(last) });
}

// A live region speaks again when its text is set, even to the same.
function text(node, words) {
  if (node.dataset.text !== words) fill(node, words);
  node.dataset.text = words;
}

function share({ days, tests, in_time, share: part, budget_left }, goal) {
  const made = element("li", "share");
  made.append(element("h3", "", days === 1 ? word("share_one") : word("share_days", { days })));
  made.append(element("p", "part", part === null ? "–" : `${percent(part, 2)} %`));
  const target = percent(goal, 1);
  made.append(element("p", "", part === null ? word("share_none") : word("share_of", { in_time, tests, target })));
  if (budget_left !== null && days > 1) {
    made.append(element("p", "", word("budget", { left: Math.round(100 * budget_left) })));
    made.dataset.good = String(budget_left > 0);
  }
  return made;
}

function hop({ hop: name, count, p50_ms, p99_ms, broken_since_ms }) {
  const state =
    broken_since_ms !== null ? word("hop_broken", { time: moment(broken_since_ms) }) : word(count > 0 ? "hop_good" : "hop_unknown");
  return { good: broken_since_ms === null, cells: [word(`hop_${name}`), String(count), ms(p50_ms), ms(p99_ms), state] };
}

function box({ device, label, unreachable, at_ms, outcome, missing, detail, alarm_ms, telemetry_ms }) {
  const hops = missing.map((name) => word(`short_${name}`)).join(", ");
  const became = outcome === null ? "" : word(`outcome_${outcome}`, { missing: hops });
  const result = [unreachable ? word("unreachable") : "", became, detail].filter(Boolean).join(" · ") || "–";
  const good = !unreachable && (outcome === null || outcome === "good" || outcome === "arrived" || outcome === "refused");
  const last = at_ms === null ? word("never") : moment(at_ms);
  return { good, cells: [`${label} (${device})`, last, result, ms(alarm_ms), ms(telemetry_ms)] };
}

function troubles(all) {
  const silent = all.filter(({ kind }) => kind === "silent");
  if (silent.length <= LINES) return all.map(trouble);
  const names = silent.map(({ device, label }) => `${label} (${device})`).join(", ");
  const together = element("li", "", word("trouble_silent_many", { count: silent.length, names }));
  return [...all.filter(({ kind }) => kind !== "silent").map(trouble), together];
}

// In the inventory, and never there: what is planned, or what is installed and cannot connect. Which, people know.
function never(all) {
  $("never").hidden = all.length === 0;
  $("never-count").textContent = word("never_title", { count: all.length });
  $("never-names").textContent = all.map(({ device, label }) => `${label} (${device})`).join(", ");
}

function trouble({ device, label, kind, days }) {
  const name = kind === "certificate" && days <= 0 ? "ended" : kind;
  return element("li", "", `${label} (${device}): ${word(`trouble_${name}`, { days: Math.max(0, Math.floor(days ?? 0)) })}`);
}

function table(node, heads, rows) {
  const head = element("tr");
  head.append(...heads.map((name) => scoped("col", word(`head_${name}`))));
  const body = rows.map(({ good, cells: [first, ...rest] }) => {
    const row = element("tr");
    row.dataset.good = String(good);
    row.append(scoped("row", first), ...rest.map((cell) => element("td", "", cell)));
    return row;
  });
  node.replaceChildren(head, ...body);
}

function scoped(scope, words) {
  const made = element("th", "", words);
  made.scope = scope;
  return made;
}

const ms = (value) => (value === null ? "–" : `${Math.round(value)}\u00a0ms`);

// Cut, not rounded: 99.9996 % is not all. Three digits after a point would be thousands to an Indonesian eye.
function percent(part, digits) {
  const cut = Math.floor(part * 100 * 10 ** digits + 1e-6) / 10 ** digits;
  const all = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return cut.toLocaleString(language() === "id" ? "id-ID" : "en-GB", all);
}

const asked = new Asked("/api/synthetic", AGAIN_MS, draw);
await begin("pages/synthetic.json", () => asked.render());
asked.look();
lookIn();
