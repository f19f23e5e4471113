// The duty officer's page: brings session, stream, page, siren and keys together.

import { Acts } from "./acts.js";
import { Alive } from "./alive.js";
import { get, onLeft } from "./api.js";
import { language, nameScreen, renderChoices, screenName, wireChoices } from "./choices.js";
import { onTold, tell } from "./deliveries.js";
import { $ } from "./dom.js";
import { Gate } from "./gate.js";
import { hush } from "./news.js";
import { Output } from "./output.js";
import { Page } from "./page.js";
import { onPainted } from "./painted.js";
import { Phone } from "./push.js";
import { renderScreens, setScreens } from "./screens.js";
import { askSession, loadSession, toLogIn } from "./session.js";
import { Siren } from "./siren.js";
import { Stream } from "./stream.js";
import { addWords, language as spoken, loadWords, setLanguage } from "./words.js";

const RETRY_MS = 2000;
const MORE_WORDS = ["push.json", "duty.json", "standing.json", "next_step.json"];

const acts = new Acts();
const phone = new Phone();
let page = null;
let siren = null;
let output = null;
let stream = null;
let alive = null;

// What the page cannot do without is asked for until it comes.
async function eventually(ask) {
  for (;;) {
    try {
      return await ask();
    } catch {
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

function startSound() {
  // Before any other listener, as it takes the key that frees the sound away from all of them.
  const gate = new Gate(() => siren.unlock(), (shown) => ($("sound").hidden = !shown));
  siren = new Siren((blocked) => {
    gate.set(blocked);
    output?.tell();
  });
  output = new Output(siren, (state) => {
    $("quiet").hidden = state !== "quiet";
    alive?.tell();
  });
}

function wire() {
  acts.wire(page);
  // A button used by pointer must not keep the focus, or the next space would press it again.
  addEventListener("click", (event) => event.detail > 0 && event.target.closest?.("button")?.blur());
  $("sound-on").addEventListener("click", () => siren.unlock());
  $("sound-test").addEventListener("click", () => siren.test());
  $("map-toggle").addEventListener("click", () => page.map.toggle());
  $("log-in").addEventListener("click", toLogIn);
  $("hero-photo").addEventListener("error", (event) => {
    event.target.dataset.broken = event.target.getAttribute("src");
    event.target.hidden = true;
  });
  wireChoices({ renamed: () => stream.open(), languageChanged: speak });
  phone.wire((incident) => page.choose(incident));
}

function speak(chosen) {
  setLanguage(chosen);
  hush();
  $("notice").textContent = "";
  renderChoices();
  page.health.render();
  page.duty.render();
  acts.ask.show();
  page.showReach();
  renderScreens();
  page.map.draw();
  page.story.draw();
  page.render();
  phone.speak();
}

// Whether this session is over. Another may have begun in another window of this browser, of another person.
async function over() {
  try {
    await askSession();
  } catch (error) {
    if (error.status === 401) page.health.loggedOut();
    return error.status === 401;
  }
  page.takeSession();
  renderChoices();
  return false;
}

// A notification opened the page: it is about this incident. Once; a reload goes where it is most urgent.
function toAsked() {
  const asked = new URLSearchParams(location.search).get("incident");
  if (asked === null) return;
  history.replaceState(null, "", location.pathname);
  page.choose(asked);
}

async function start() {
  await eventually(() => loadWords());
  await Promise.all(MORE_WORDS.map((file) => eventually(() => addWords(file))));
  setLanguage(language() ?? document.documentElement.lang);
  startSound();
  page = new Page({ siren, stop: () => acts.ask.stop(), asking: () => acts.asking, toUrgent: () => acts.toUrgent() });
  wire();
  await eventually(loadSession);
  page.takeSession();
  onLeft(() => page.health.loggedOut());
  await nameScreen();
  onTold(() => page.story.again());
  onPainted((incident, key, painted_ms) => tell("shown", incident, key, painted_ms));
  const handlers = {
    snapshot: (state) => {
      page.snapshot(state);
      toAsked();
    },
    incident: (state) => page.incident(state),
    reach: (state) => page.reached(state),
    screens: (state) => setScreens(state.screens ?? state),
    pages: () => page.story.again(),
    beat: (state) => {
      page.beat(state);
      alive?.beat();
    },
    stale: (stale, heard) => page.stale(stale, heard),
  };
  stream = new Stream(handlers, screenName, over);
  speak(language() ?? document.documentElement.lang);
  setInterval(() => page.tick(), 500);
  alive = new Alive(() => ({ sound: output.state ?? "unknown", revision: page.revision }), () => stream.open());
  const inventory = await eventually(() => get("/api/inventory"));
  page.targets = inventory.targets ?? null;
  page.map.start(inventory);
  // To say all anew would take away what was just told.
  const wanted = language() ?? inventory.language;
  if (wanted === spoken()) page.render();
  else speak(wanted);
  await phone.start();
}

start();
