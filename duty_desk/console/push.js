// Whether this phone or screen is called by push, for whom, and whether that was proven to work.
//
// off → asked → on, or denied; unable where the browser cannot. What is so stands in three places, and only where all
// agree it is on: the browser has permission and a subscription under the desk's key, and the desk has it for who is in.

import { get, post, Refused, remove } from "./api.js";
import { $, made, text } from "./dom.js";
import { may, me } from "./session.js";
import { has, language, moment, word } from "./words.js";

const PROVEN_WITHIN_MS = 15_000;
const LOOK_MS = 500;

const later = (ms) => new Promise((done) => setTimeout(done, ms));
const able = () => isSecureContext && "serviceWorker" in navigator && "PushManager" in window && globalThis.Notification;

export class Phone {
  constructor() {
    this.state = able() ? "off" : "unable";
    this.own = null;
    this.told = "";
    this.busy = false;
    this.install = null;
  }

  // `open` is told the incident of a notification that was clicked.
  wire(open) {
    $("phone-toggle").addEventListener("click", () => this.show($("phone").hidden));
    addEventListener("beforeinstallprompt", (event) => {
      event.preventDefault();
      this.install = event;
      this.render();
    });
    addEventListener("appinstalled", () => {
      this.install = null;
      this.render();
    });
    navigator.serviceWorker?.addEventListener("message", ({ data }) => open(data?.open ?? null));
  }

  // Looks how it is. The worker is asked to be the newest, where there is one.
  async start() {
    if (this.state === "unable") return this.render();
    this.own = null;
    this.state = Notification.permission === "denied" ? "denied" : "off";
    const worker = await navigator.serviceWorker.getRegistration("/").catch(() => null);
    worker?.update().catch(() => {});
    const subscription = await worker?.pushManager.getSubscription().catch(() => null);
    if (subscription && Notification.permission === "granted") {
      try {
        await this.match(subscription);
      } catch (fault) {
        this.tell(fault);
      }
    }
    this.render();
  }

  async match(subscription) {
    const [{ key }, { phones }, id] = await Promise.all([get("/api/push/key"), get("/api/push/phones"), idOf(subscription)]);
    this.own = isUnder(subscription, key) ? (phones.find((phone) => phone.id === id) ?? null) : null;
    this.state = this.own ? "on" : "off";
    if (this.own && this.own.language !== language()) await this.subscribe(subscription);
  }

  // The page's words changed, and with them those of notifications.
  async speak() {
    this.render();
    if (this.own && this.own.language !== language() && !this.busy) await this.work(() => this.start());
  }

  async turnOn() {
    this.state = "asked";
    this.render();
    const permission = await Notification.requestPermission();
    this.state = permission === "denied" ? "denied" : "off";
    if (permission !== "granted") return;
    this.render();
    await navigator.serviceWorker.register("/sw.js", { updateViaCache: "none" });
    const worker = await navigator.serviceWorker.ready;
    const { key } = await get("/api/push/key");
    let subscription = await worker.pushManager.getSubscription();
    if (subscription && !isUnder(subscription, key)) {
      await subscription.unsubscribe();
      subscription = null;
    }
    subscription ??= await worker.pushManager
      .subscribe({ userVisibleOnly: true, applicationServerKey: key })
      .catch(() => Promise.reject(new Refused("untaken")));
    await this.subscribe(subscription);
  }

  async subscribe(subscription) {
    const { endpoint, keys } = subscription.toJSON();
    this.own = await post("/api/push/subscribe", { endpoint, keys, language: language() });
    this.state = "on";
  }

  async turnOff() {
    await leave();
    this.own = null;
    this.state = "off";
  }

  // A push through everything that a page goes through; the phone itself says that it came.
  async test() {
    const before = this.own.confirmed_ms;
    await post("/api/push/test", { phone: this.own.id });
    this.say("push_testing");
    for (const until = performance.now() + PROVEN_WITHIN_MS; performance.now() < until; await later(LOOK_MS)) {
      const { phones } = await get("/api/push/phones");
      const own = phones.find((phone) => phone.id === this.own?.id);
      if (!own) return this.start();
      this.own = own;
      if (own.confirmed_ms !== null && own.confirmed_ms !== before) return this.say("push_tested_now");
    }
    return this.say("push_test_late", { seconds: PROVEN_WITHIN_MS / 1000 });
  }

  // One thing at a time; what goes wrong is said.
  async work(what) {
    if (this.busy) return;
    this.busy = true;
    this.told = "";
    this.render();
    try {
      await what();
    } catch (fault) {
      if (this.state === "asked") this.state = "off";
      this.tell(fault);
    }
    this.busy = false;
    this.render();
  }

  tell(fault) {
    const key = `push_fault_${fault.code}`;
    this.say(has(key) ? key : "push_fault_other", { code: fault.code ?? fault.name, detail: fault.message });
  }

  say(key, values) {
    this.told = word(key, values);
    this.render();
  }

  show(shown) {
    $("phone").hidden = !shown;
    $("phone-toggle").setAttribute("aria-expanded", String(shown));
    this.render();
    if (shown) $("phone").scrollIntoView({ block: "nearest" });
  }

  render() {
    const toggle = $("phone-toggle");
    text(toggle, word(this.busy ? "push_busy" : this.state === "on" ? "push_on" : "push_off"));
    toggle.dataset.state = this.state;
    // Who may not accept is paged by nobody.
    toggle.hidden = !may("act");
    if ($("phone").hidden) return;
    const proven = this.own?.confirmed_ms ?? null;
    const lines = [made("strong", "", word("push_title")), made("p", "", word(`push_is_${this.state}`, { name: me() }))];
    if (this.own) lines.push(made("p", "", proven === null ? word("push_untested") : word("push_tested", { time: moment(proven) })));
    const told = made("p", "phone-told", this.told);
    told.setAttribute("role", "status");
    $("phone").replaceChildren(...lines, told, this.buttons());
  }

  buttons() {
    const group = made("div", "phone-buttons");
    const add = (key, does) => {
      const button = made("button", "quiet", word(key));
      Object.assign(button, { type: "button", disabled: this.busy });
      button.addEventListener("click", does);
      group.append(button);
    };
    if (this.state === "off" || this.state === "denied") add("push_turn_on", () => this.work(() => this.turnOn()));
    if (this.state === "on") {
      add("push_test", () => this.work(() => this.test()));
      add("push_turn_off", () => this.work(() => this.turnOff()));
    }
    if (this.install) add("push_install", () => this.install.prompt());
    add("push_close", () => this.show(false));
    return group;
  }
}

// Who leaves this browser is not called by it any more.
export async function leave() {
  const worker = await navigator.serviceWorker?.getRegistration("/");
  const subscription = await worker?.pushManager.getSubscription();
  if (!subscription) return;
  try {
    await remove(`/api/push/phones/${await idOf(subscription)}`);
  } catch (fault) {
    // Of somebody else, or of nobody: there is nothing to take back at the desk.
    if (fault.status !== 404) throw fault;
  }
  await subscription.unsubscribe();
}

async function idOf({ endpoint }) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  return Array.from(new Uint8Array(hash).slice(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function isUnder(subscription, key) {
  const own = new Uint8Array(subscription.options.applicationServerKey ?? []);
  const text = btoa(String.fromCharCode(...own));
  return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "") === key;
}
