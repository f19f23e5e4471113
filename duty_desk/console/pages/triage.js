// Buttons that call for nothing too often, the worst first, and what to do about each.

import { word } from "../words.js";
import { $, Asked, begin, element, lookIn } from "./shared.js";

const AGAIN_MS = 60_000;
const COUNTED = ["incidents", "presses", "false_alarms", "faults"];

function draw({ buttons }) {
  const todo = buttons.filter(({ action }) => action !== null).length;
  $("told").textContent = buttons.length === 0 ? word("none") : word("told", { todo, count: buttons.length });
  $("buttons").replaceChildren(...buttons.map(card));
}

function card(button) {
  const made = element("li", "button");
  made.dataset.action = button.action ?? "none";
  const title = element("h2", "", button.address ?? `${button.device}/${button.button}`);
  title.append(" ", element("small", "", `${button.device} · ${button.button}`));
  made.append(title, element("p", "do", word(`do_${button.action ?? "none"}`)));
  if (button.signs.length > 0) {
    const why = element("ul", "why");
    why.append(...button.signs.map((sign) => element("li", "", reason(sign, button))));
    made.append(why);
  }
  const past = element("a", "", word("past"));
  past.href = `/archive?${new URLSearchParams({ text: button.device })}`;
  made.append(table(button), past);
  return made;
}

function reason(sign, { counts, hours }) {
  const [day, week, month] = counts;
  const percent = Math.round((month.false_share ?? 0) * 100);
  const each = week.incidents > 0 ? Math.round((10 * week.presses) / week.incidents) / 10 : 0;
  const [from, to] = (hours ?? []).map((hour) => `${String(hour).padStart(2, "0")}:00`);
  return word(`why_${sign}`, { faults: week.faults, day: day.incidents, each, percent, count: month.false_alarms, from, to });
}

function table({ counts }) {
  const made = element("table", "counts");
  const head = element("tr");
  head.append(element("td"), ...counts.map(({ days }) => spanHead(days)));
  const body = COUNTED.map((name) => {
    const row = element("tr");
    const title = element("th", "", word(`count_${name}`));
    title.scope = "row";
    row.append(title, ...counts.map((count) => element("td", "", String(count[name]))));
    return row;
  });
  made.append(head, ...body);
  return made;
}

function spanHead(days) {
  const made = element("th", "", word(days === 1 ? "day" : "days", { days }));
  made.scope = "col";
  return made;
}

const asked = new Asked("/api/triage", AGAIN_MS, draw);
await begin("pages/triage.json", () => asked.render());
asked.look();
lookIn();
