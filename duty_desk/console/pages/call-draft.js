// What is being typed, and what was sent and has no answer yet. Both survive a reload; a call has its key before it is
// sent for the first time, and keeps it, so that however often it is sent it is one incident.

const DRAFT = "siaga.call.draft";
const SENDING = "siaga.call.sending";
const WAITS_MS = [1000, 2000, 4000, 5000];
const MAX_SENDING = 50;
// What sending again would not change.
const FINAL = new Set(["invalid", "wrong_role", "too_large", "not_json", "foreign_origin"]);

const EMPTY = { origin: "call", address: "", place: null, category: null, text: "", caller: "" };

function read(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

// crypto.randomUUID is missing on pages that did not come by TLS.
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [[0, 8], [8, 12], [12, 16], [16, 20], [20, 32]].map(([from, to]) => digits.slice(from, to)).join("-");
}

export class Draft {
  constructor() {
    this.call = { ...EMPTY, ...read(DRAFT) };
  }

  set(change) {
    this.call = { ...this.call, ...change };
    sessionStorage.setItem(DRAFT, JSON.stringify(this.call));
  }

  clear() {
    this.call = { ...EMPTY, origin: this.call.origin };
    sessionStorage.removeItem(DRAFT);
  }

  restore(call) {
    this.clear();
    this.set(call);
  }

  get empty() {
    const { address, place, category, text, caller } = this.call;
    return !address.trim() && !place && !category && !text.trim() && !caller.trim();
  }

  // What is missing before it can be sent, by the field to go to; null when nothing is.
  get missing() {
    if (!this.call.address.trim() && !this.call.place) return "place";
    return this.call.category ? null : "category";
  }
}

// The body that the desk takes; what was left empty is left out.
export function bodyOf(call, key) {
  const { origin, category, place } = call;
  const body = { key, origin, category };
  if (place) Object.assign(body, { latitude: place.latitude, longitude: place.longitude });
  const point = place ? `${place.latitude.toFixed(5)}, ${place.longitude.toFixed(5)}` : "";
  for (const [name, value] of [["address", call.address.trim() || point], ["caller", call.caller], ["note", call.text]]) {
    if (value.trim()) body[name] = value.trim();
  }
  return body;
}

export class Sending {
  // `send` sends a body and resolves with the desk's answer; `done` gets a call with that; `changed` is told of the rest.
  constructor({ send, done, changed, now }) {
    Object.assign(this, { send, done, changed, now });
    this.calls = read(SENDING) ?? [];
    for (const call of this.calls) if (call.state !== "refused") this.work(call);
  }

  get full() {
    return this.calls.length >= MAX_SENDING;
  }

  add(call) {
    const key = newKey();
    const one = { key, call, body: bodyOf(call, key), at_ms: this.now(), state: "sending", code: null };
    this.calls.push(one);
    this.keep();
    this.work(one);
  }

  drop(key) {
    this.calls = this.calls.filter((one) => one.key !== key);
    this.keep();
  }

  keep() {
    sessionStorage.setItem(SENDING, JSON.stringify(this.calls));
    this.changed();
  }

  async work(one) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const answer = await this.send(one.body);
        this.drop(one.key);
        this.done(one, answer);
        return;
      } catch (fault) {
        if (fault.code === "already_reported") {
          this.drop(one.key);
          return;
        }
        Object.assign(one, { state: FINAL.has(fault.code) ? "refused" : "waiting", code: fault.code ?? "other" });
        this.keep();
        if (one.state === "refused") return;
      }
      await new Promise((passed) => setTimeout(passed, WAITS_MS[Math.min(attempt, WAITS_MS.length - 1)]));
    }
  }
}
