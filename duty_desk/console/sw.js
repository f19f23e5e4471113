// The service worker: shows what the desk pushes to this phone, and answers by it. It is nothing else.
// It keeps one page, which says that the desk cannot be reached; whatever the desk answers comes from the desk.

const KEPT = "siaga-1";
const NO_CONNECTION = "/static/pages/no_connection.html";
const KEPT_FILES = [NO_CONNECTION, "/static/pages/no_connection.css"];
const ANSWER_MS = 5000;
const VIBRATE = [400, 150, 400, 150, 800];
const PICTURES = { icon: "/static/icons/app-192.png", badge: "/static/icons/badge-96.png" };

addEventListener("install", (event) => {
  // Only pages come by here; where the browser knows routes, nothing else even wakes this worker.
  event.addRoutes?.(["/api/*", "/photos/*", "/static/*.js*"].map(past)).catch(() => {});
  event.waitUntil(keep().then(() => skipWaiting()));
});

addEventListener("activate", (event) => event.waitUntil(begin()));

addEventListener("fetch", (event) => {
  const path = new URL(event.request.url).pathname;
  if (event.request.mode === "navigate") event.respondWith(page(event));
  else if (KEPT_FILES.includes(path)) event.respondWith(fetch(event.request).catch(() => caches.match(path)));
});

addEventListener("push", (event) => event.waitUntil(show(event.data)));

addEventListener("notificationclick", (event) => {
  const note = event.notification.data ?? {};
  event.notification.close();
  const answered = event.action === "accept" || event.action === "cannot";
  event.waitUntil(answered ? answer(note, event.action) : open(note));
});

addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew()));

// The page without a connection

function past(pathname) {
  return { condition: { urlPattern: { pathname } }, source: "network" };
}

async function keep() {
  const kept = await caches.open(KEPT);
  await kept.addAll(KEPT_FILES.map((file) => new Request(file, { cache: "reload" })));
}

async function begin() {
  for (const name of await caches.keys()) if (name !== KEPT) await caches.delete(name);
  // The page is asked for while the worker still wakes.
  await registration.navigationPreload?.enable();
  await clients.claim();
}

async function page(event) {
  try {
    return (await event.preloadResponse) ?? (await fetch(event.request));
  } catch {
    return (await caches.match(NO_CONNECTION)) ?? Response.error();
  }
}

// What is pushed

async function show(data) {
  const note = read(data);
  const tag = note.incident ?? note.do;
  if (note.do === "close") {
    await registration.showNotification(note.title, quiet(note, { tag }));
    return;
  }
  if (note.do !== "page") {
    // Of a desk that is newer than this worker. Whatever it means, somebody should look.
    await registration.showNotification(location.host, { ...PICTURES, data: { path: "/" } });
    return;
  }
  const actions = ["accept", "cannot"].map((action) => ({ action, title: note.words[action] }));
  await registration.showNotification(note.title, {
    ...PICTURES,
    body: note.text,
    lang: note.language,
    tag,
    renotify: true,
    requireInteraction: note.incident !== null,
    vibrate: VIBRATE,
    actions: note.incident === null ? [] : actions,
    data: note,
  });
  // That it came is worth knowing, and no more than that.
  await send("/api/push/delivered", proof(note), note.words.screen).catch(() => {});
}

function read(data) {
  try {
    return data.json() ?? {};
  } catch {
    return {};
  }
}

function quiet(note, more) {
  return { ...PICTURES, lang: note.language, body: note.text, silent: true, data: { path: note.path, incident: note.incident }, ...more };
}

const proof = ({ page, phone, proof }) => ({ page, phone, proof });

// What is answered

async function answer(note, action) {
  try {
    await send("/api/push/answer", { ...proof(note), incident_id: note.incident, answer: action }, note.words.screen);
    await tell(note, note.words[action === "accept" ? "accepted" : "declined"]);
  } catch (fault) {
    if (fault.code === "already_accepted") await tell(note, note.words.taken.replace("{officer}", fault.officer));
    else await open(note).catch(() => tell(note, note.words.failed));
  }
}

function tell(note, title) {
  return registration.showNotification(title, quiet(note, { tag: note.incident, body: note.title }));
}

// In the session of who is logged in at this phone; its proof is asked for each time, as a worker remembers nothing.
async function send(path, body, screen) {
  const session = await ask("/api/session", {});
  const headers = { "content-type": "application/json", "x-siaga-csrf": session.csrf, "x-siaga-screen": screen };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

async function ask(path, options) {
  const answer = await fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
  const told = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw Object.assign(new Error(told.code), told);
  return told;
}

async function open(note) {
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const console = windows.find((one) => new URL(one.url).pathname === "/");
  if (!console) return clients.openWindow(note.path ?? "/");
  const shown = await console.focus();
  shown.postMessage({ open: note.incident ?? null });
}

// The browser has another address for this phone.
async function renew() {
  const { key } = await ask("/api/push/key", {});
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const { endpoint, keys } = subscription.toJSON();
  await send("/api/push/subscribe", { endpoint, keys }, "push");
}
