// How far each press came at this screen: delivered, shown, seen. Told to the desk in batches, one request at a time,
// so that a thousand alarms are some ten requests and not three thousand.

import { post } from "./api.js";

const BATCH = 100;
const KEPT = 5000;
const GATHER_MS = 50;
const RETRY_MS = 3000;

const told = new Set();
const waiting = new Map();
let running = false;
let taken = () => {};

// `call` is told when the desk has taken facts.
export function onTold(call) {
  taken = call;
}

// `kind`: "delivered", "shown" or "seen"; each fact is told once.
export function tell(kind, incident, key, painted_ms) {
  const name = `${kind} ${incident} ${key}`;
  if (told.has(name)) return;
  keep(told, name);
  const fact = { incident_id: incident, kind, key };
  if (painted_ms !== undefined) fact.painted_ms = painted_ms;
  waiting.set(name, fact);
  if (waiting.size > KEPT) waiting.delete(waiting.keys().next().value);
  if (!running) run();
}

function keep(set, name) {
  set.add(name);
  if (set.size > KEPT) set.delete(set.values().next().value);
}

async function run() {
  running = true;
  await pause(GATHER_MS);
  while (waiting.size > 0) {
    const batch = [...waiting.entries()].slice(0, BATCH);
    try {
      await post("/api/deliveries", { facts: batch.map(([, fact]) => fact) });
      taken();
    } catch (fault) {
      // What the desk will never take is not sent again.
      if (fault.status < 400 || fault.status >= 500) {
        await pause(RETRY_MS);
        continue;
      }
    }
    for (const [name] of batch) waiting.delete(name);
  }
  running = false;
}

function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
