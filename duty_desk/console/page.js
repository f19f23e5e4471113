// What the officer's page shows, brought up to date once a frame, and the news that change it.

import { renderActions } from "./actions.js";
import { tell } from "./deliveries.js";
import { $, nextFrame } from "./dom.js";
import { Duty } from "./duty.js";
import { Edges } from "./edges.js";
import { address } from "./facts.js";
import { Health } from "./health.js";
import { renderAges, renderHero } from "./hero.js";
import { Incidents } from "./incidents.js";
import { MapPane } from "./map_pane.js";
import { announce } from "./news.js";
import { expectPaint } from "./painted.js";
import { Reach, renderReach } from "./reach.js";
import { renderRows, Rows } from "./rows.js";
import { setScreens } from "./screens.js";
import { may, me, role } from "./session.js";
import { Story } from "./story.js";
import { Urgent } from "./urgent.js";
import { timeOfDay, word, zoneName } from "./words.js";

// A key pressed this soon after another incident took the large place was meant for the one before.
const SETTLE_MS = 400;

export class Page {
  // `siren` sounds; `stop` ends a dialog about an incident that left the large place, `asking` tells whether one is open.
  constructor({ siren, stop, asking, toUrgent }) {
    Object.assign(this, { siren, stop, asking });
    this.incidents = new Incidents();
    this.reach = new Reach();
    this.health = new Health();
    this.duty = new Duty();
    this.story = new Story();
    this.map = new MapPane();
    this.rows = new Rows($("list"));
    this.now = () => Date.now() + this.offset;
    this.edges = new Edges(this.rows, this.now);
    this.urgent = new Urgent(toUrgent);
    this.targets = null;
    this.offset = 0;
    this.revision = 0;
    this.heroId = null;
    this.heroSince = 0;
    this.asked = null;
    this.painting = [];
  }

  get hero() {
    return this.incidents.hero();
  }

  // Whether what stands large has stood there long enough for a key to be meant for it.
  get settled() {
    return performance.now() - this.heroSince >= SETTLE_MS;
  }

  takeSession() {
    this.incidents.officer = me();
    this.incidents.role = role();
  }

  // Once a frame, however much comes in between.
  soon() {
    if (this.asked !== null) return;
    this.asked = nextFrame(() => this.render());
  }

  render() {
    this.asked?.();
    this.asked = null;
    const { hero, incidents } = this;
    this.place(hero?.id ?? null);
    const active = incidents.active();
    renderHero(hero, this.reach.idle(this.health.live));
    renderActions(hero, may);
    const urgent = incidents.urgent();
    this.urgent.show(urgent, hero);
    this.rows.show(active.filter((incident) => incident !== hero && incident !== urgent), this.now());
    this.renderPast();
    const open = incidents.open();
    document.title = open > 0 ? `(${open}) ${word("product")}` : word("product");
    this.story.show(hero);
    this.tick();
    for (const [incident, key] of this.painting.splice(0)) expectPaint(incident, key);
    this.map.show(active, hero);
    this.edges.measure();
    this.sound();
  }

  place(id) {
    if (id === this.heroId) return;
    this.heroSince = this.heroId === null ? 0 : performance.now();
    this.heroId = id;
    this.stop();
  }

  renderPast() {
    const past = this.rows.after.length > 0 ? [] : this.incidents.recentlyClosed();
    $("past").hidden = past.length === 0;
    renderRows($("past-list"), past, this.now());
  }

  // What counts on by itself.
  tick() {
    $("clock").textContent = timeOfDay(this.now());
    $("zone").textContent = zoneName(this.now());
    renderAges(this.hero, this.targets, this.now());
    this.story.tick(this.now());
  }

  sound() {
    const quiet = this.duty.rings ? "fault" : null;
    this.siren.set(this.incidents.loudest() ?? (this.health.live ? quiet : "stale"));
  }

  showReach() {
    renderReach(this.reach);
    this.map.missing(this.reach.keys());
  }

  // The officer chose it: keys are meant for it from now on.
  choose(id) {
    this.incidents.selected = id;
    this.render();
    this.heroSince = 0;
  }

  move(step) {
    this.incidents.select(step);
    this.render();
    this.rows.reveal(this.incidents.active().indexOf(this.hero), this.now());
    this.heroSince = 0;
  }

  // The news

  snapshot(state) {
    this.beat(state);
    this.incidents.replace(state.incidents);
    this.reach.replace(state.reach);
    if (state.screens) setScreens(state.screens);
    this.showReach();
    for (const incident of this.incidents.active()) {
      this.revision = Math.max(this.revision, incident.revision);
      this.arrived(incident, incident.rows.at(-1).key);
    }
    this.sound();
    this.soon();
  }

  incident({ rings, incident }) {
    this.incidents.put(incident);
    this.revision = Math.max(this.revision, incident.revision);
    if (rings) {
      if (!this.asking()) this.incidents.selected = null;
      this.arrived(incident, rings);
      announce(word(incident.presses > 1 ? "news_again" : "news_open", { address: address(incident) }));
    }
    // At once, as a page behind others gets no frame.
    this.sound();
    this.soon();
  }

  // A press or call that is new to this page.
  arrived(incident, key) {
    tell("delivered", incident.id, key);
    this.painting.push([incident.id, key]);
  }

  reached(state) {
    this.reach.replace(state);
    this.showReach();
    this.soon();
  }

  beat(state) {
    const late = !this.health.live;
    this.offset = state.now_ms - Date.now();
    this.health.beat(state);
    this.duty.take(state.duty);
    if (late) this.soon();
    this.sound();
  }

  stale(stale, heard) {
    this.health.silence(stale, heard);
    this.soon();
  }
}
