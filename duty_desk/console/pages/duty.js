// Who is on duty now and next, by what they are reached, what is wrong, and what has to be taken over by name.

import { fill, has, moment, word } from "../words.js";
import { $, arrive, begin, element, eventually, faultWord, follow, get, may, me, notice, post, setClock } from "./shared.js";

const GRAVE = ["nobody", "consoles", "channel"];
const LOOK_MS = 10_000;
const SOON_MS = 300;

let duty = null;
let inbox = null;
let inboxFault = null;
let left = new Set();
let busy = false;
let asked = 0;

async function look() {
  asked = 0;
  lookInbox();
  try {
    duty = await get("/api/duty");
    setClock(duty.now_ms);
    render();
  } catch {
    // The banner says that the desk is not heard; the next look may work.
  }
}

// Who heads the shift reads what strangers wrote; a fault of that is not one of the page.
async function lookInbox() {
  if (!may("export")) return;
  try {
    inbox = await get("/api/inbox");
    inboxFault = null;
  } catch (refused) {
    inboxFault = refused;
  }
  renderInbox();
}

function soon() {
  if (asked === 0) asked = setTimeout(look, SOON_MS);
}

function render() {
  if (duty === null) return;
  renderFaults();
  renderTake();
  $("no-roster").hidden = duty.roster;
  $("no-way").hidden = ![...duty.now, ...duty.next].some(({ channels }) => channels?.length === 0);
  $("now-list").replaceChildren(...duty.now.map((one) => person(one, true)));
  $("next").hidden = !duty.roster;
  $("next-none").hidden = duty.next.length > 0;
  $("next-when").textContent = duty.next.length > 0 ? moment(duty.next[0].begin_ms) : "";
  $("next-list").replaceChildren(...duty.next.map((one) => person(one, false)));
  renderWoken();
  renderInbox();
}

function renderInbox() {
  $("inbox").hidden = !may("export") || (inboxFault === null && !inbox?.sms);
  $("inbox-fault").hidden = inboxFault === null;
  $("inbox-fault").textContent = inboxFault === null ? "" : word("inbox_fault", { code: inboxFault.code });
  const messages = inbox?.messages ?? [];
  $("inbox-none").hidden = inboxFault !== null || messages.length > 0;
  keep($("inbox-list"), messages.map(message));
}

function message({ at_ms, number, text, why }) {
  const item = element("li");
  const body = element("div");
  body.append(element("b", "", number), element("p", "", text), element("small", "", word(`why_${why}`)));
  item.append(element("time", "soft", moment(at_ms)), body);
  return item;
}

function renderFaults() {
  const { faults } = duty;
  $("faults").hidden = faults.length === 0;
  $("faults").dataset.grave = String(faults.some(({ kind }) => GRAVE.includes(kind)));
  const items = faults.map(({ kind, who, detail, since_ms }) => {
    const item = element("li", "", word(`fault_of_${kind}`, { who, detail: detailOf(kind, detail) }));
    item.append(fill(element("small"), word("since", { time: moment(since_ms), what: word(`do_${kind}`) })));
    return item;
  });
  keep($("faults-list"), items);
  $("seen").hidden = !may("act") || !faults.some(({ rings }) => rings);
}

// What did not change stays, so that nothing is read out twice.
function keep(list, items) {
  const text = items.map((item) => item.textContent).join("\n");
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  list.replaceChildren(...items);
}

function detailOf(kind, detail) {
  if (kind !== "channel") return detail;
  return detail === "" ? word("no_address") : detail;
}

function renderTake() {
  const { mine, untaken } = duty;
  const wanted = mine.may_take && (!mine.confirmed || untaken.length > 0);
  $("take").hidden = !wanted && untaken.length === 0;
  $("take-over").hidden = !wanted;
  $("take-text").textContent = word(untaken.length > 0 ? "untaken" : "take_none", { count: untaken.length });
  const known = new Set(untaken.map(({ id }) => id));
  left = new Set([...left].filter((id) => known.has(id)));
  const list = $("take-list");
  const key = JSON.stringify([untaken, wanted, document.documentElement.lang]);
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(...untaken.map((one) => untakenItem(one, wanted)));
  }
  $("take-word").textContent = word(untaken.length > 0 ? "take_with" : "take_over", { count: untaken.length - left.size });
}

function untakenItem({ id, address, officer, opened_at_ms }, wanted) {
  const item = element("li");
  const parts = [address ?? word("place_none"), officer ?? word("officer_none"), moment(opened_at_ms)];
  const label = element("label", "", wanted ? "" : parts.join(" · "));
  if (wanted) {
    const box = element("input");
    box.type = "checkbox";
    box.checked = !left.has(id);
    box.addEventListener("change", () => {
      if (box.checked) left.delete(id);
      else left.add(id);
      renderTake();
    });
    label.append(box, element("span", "", parts.join(" · ")));
  }
  item.append(label);
  return item;
}

function person({ name, part, shift, begin_ms, end_ms, confirmed, channels }, now) {
  const item = element("li", "person");
  item.append(element("b", "", name));
  const times = begin_ms === null ? "" : `${moment(begin_ms)} – ${moment(end_ms)}`;
  item.append(element("p", "", [word(`part_${part}`), shift, times].filter(Boolean).join(" · ")));
  if (now && begin_ms !== null) {
    item.dataset.confirmed = String(confirmed);
    item.append(element("p", confirmed ? "sure" : "unsure", word(confirmed ? "confirmed" : "unconfirmed")));
  }
  if (channels !== null) item.append(lines(name, channels, now));
  return item;
}

function lines(name, channels, now) {
  const list = element("ul", "lines");
  if (channels.length === 0) list.append(element("li", "missing", word("no_way")));
  for (const { channel, state, tried_ms, confirmed_ms, fault } of channels) {
    const item = element("li");
    item.dataset.state = state;
    item.append(element("strong", "", has(`channel_${channel}`) ? word(`channel_${channel}`) : channel));
    item.append(element("span", "", word(`state_${state}`)));
    const last = confirmed_ms !== null ? word("last_confirmed", { time: moment(confirmed_ms) }) : word("never_confirmed");
    const tried = tried_ms !== null ? word("last_tried", { time: moment(tried_ms) }) : "";
    item.append(element("small", "", [last, tried, fault ?? ""].filter(Boolean).join(" · ")));
    if (now && name === me() && duty.mine.may_take && state === "working") item.append(arrived(channel));
    list.append(item);
  }
  return list;
}

function arrived(channel) {
  const button = element("button", "quiet", word("arrived"));
  button.type = "button";
  button.addEventListener("click", () => act("/api/duty/confirm", { channel }, "done_confirmed"));
  return button;
}

function renderWoken() {
  const { woken } = duty;
  $("woken").hidden = !may("archive");
  $("woken-none").hidden = woken.length > 0;
  $("woken-table").hidden = woken.length === 0;
  const rows = woken.map(({ name, answered, paged, nights }) => {
    const row = element("tr");
    for (const cell of [name, answered, paged, nights]) row.append(element("td", "", String(cell)));
    return row;
  });
  $("woken-rows").replaceChildren(...rows);
}

async function act(path, body, done) {
  if (busy) return;
  busy = true;
  try {
    await post(path, body);
    notice(word(done), "done");
  } catch (fault) {
    notice(faultWord(fault, { has, word }), "fault");
  } finally {
    busy = false;
  }
  await look();
}

function takeOver() {
  if (duty === null || $("take").hidden || $("take-over").hidden) return;
  const incidents = duty.untaken.map(({ id }) => id).filter((id) => !left.has(id));
  act("/api/duty/take", { incidents }, "done_taken");
}

function quieten() {
  if (!$("seen").hidden) act("/api/duty/seen", {}, "done_seen");
}

const KEYS = { t: takeOver, s: quieten };

function wire() {
  $("take-over").addEventListener("click", takeOver);
  $("seen").addEventListener("click", quieten);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    KEYS[event.key.toLowerCase()]?.();
  });
}

function beat({ duty: told }) {
  if (JSON.stringify(told.faults) !== JSON.stringify(duty?.faults)) soon();
}

async function start() {
  await begin("pages/duty.json", render);
  wire();
  await eventually(async () => {
    duty = await get("/api/duty");
  });
  render();
  lookInbox();
  follow({ snapshot: soon, incident: soon, beat });
  setInterval(look, LOOK_MS);
  arrive($("page"));
}

start();
