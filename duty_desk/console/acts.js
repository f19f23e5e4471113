// What the officer does: keys and buttons, and what the desk answers.

import { post } from "./api.js";
import { Ask, REASONS } from "./ask.js";
import { tell } from "./deliveries.js";
import { $ } from "./dom.js";
import { address } from "./facts.js";
import { listen } from "./keys.js";
import { notice } from "./notice.js";
import { may, toLogIn } from "./session.js";
import { isDrill, offered } from "./states.js";
import { has, word } from "./words.js";

export class Acts {
  constructor() {
    this.page = null;
    this.ask = null;
  }

  get asking() {
    return this.ask?.open ?? false;
  }

  wire(page) {
    this.page = page;
    this.ask = new Ask({
      act: (verb, incident, body) => this.act(verb, incident, body),
      owns: (incident) => incident.officer === null || page.incidents.owns(incident),
      left: () => this.free(),
    });
    for (const name of ["keydown", "pointerdown"]) addEventListener(name, (event) => this.seen(event), { passive: true });
    listen(this.keys(), this.typing());
    $("hero-actions").addEventListener("click", (event) => {
      const verb = event.target.closest?.("button")?.dataset.verb;
      if (verb) this.begin(verb);
    });
    $("list").addEventListener("click", (event) => {
      const id = event.target.closest?.("li")?.dataset.id;
      if (id && !this.asking) page.choose(id);
    });
  }

  keys() {
    const begin = (verb) => () => this.begin(verb);
    const keys = {
      " ": () => this.accept(),
      a: () => this.accept(),
      d: begin("depart"),
      r: begin("resolve"),
      t: begin("close"),
      b: begin("cancel"),
      n: begin("note"),
      m: () => this.page.map.toggle(),
      y: () => this.ask.confirm(),
      l: () => this.page.health.out && toLogIn(),
      escape: () => this.toUrgent(),
      arrowup: () => this.asking || this.page.move(-1),
      arrowdown: () => this.asking || this.page.move(1),
    };
    REASONS.forEach((_, at) => (keys[String(at + 1)] = () => this.ask.choose(at)));
    return keys;
  }

  typing() {
    return {
      escape: (field) => {
        field.blur();
        this.toUrgent();
      },
      enter: (field, event) => {
        if (field.id !== "note" || event.shiftKey) return false;
        this.ask.submit();
        return true;
      },
    };
  }

  accept() {
    const { hero } = this.page;
    if (!hero) return;
    const verb = ["accept", "answer"].find((one) => offered(hero, may).includes(one));
    if (verb) this.begin(verb);
    else if (!may("act") && hero.ringing) notice(word("fault_wrong_role"), "fault");
  }

  begin(verb) {
    const { page } = this;
    const { hero } = page;
    if (!hero || this.asking || !page.settled) return;
    if (!offered(hero, may).includes(verb)) {
      notice(word(may(verb === "note" ? "note" : "act") ? "fault_not_possible" : "fault_wrong_role"), "fault");
      return;
    }
    if (verb === "accept" || verb === "answer") {
      this.act(verb, hero);
      return;
    }
    // Until it is done or given up, nothing else takes the large place.
    page.incidents.selected = hero.id;
    this.ask.start(verb, hero);
  }

  // Tells whether it was done.
  async act(verb, incident, body = {}) {
    const { page } = this;
    let done = false;
    try {
      const answer = await post(`/api/incidents/${incident.id}/${verb}`, body);
      page.incidents.put(answer.incident);
      notice(word(`done_${verb}`, { address: address(incident) }), "done");
      done = true;
    } catch (fault) {
      const key = `fault_${fault.code}`;
      notice(word(has(key) ? key : "fault_other", { officer: fault.officer, code: fault.code }), "fault");
    }
    // A dialog opened meanwhile keeps its place; so does what somebody still waits at.
    if (!this.asking) page.incidents.selected = null;
    page.render();
    return done;
  }

  // The large place is free again for what is most urgent.
  free() {
    this.page.incidents.selected = null;
    this.page.render();
  }

  // To what nobody has taken; out of a dialog not to a drill, as that calls nobody.
  toUrgent() {
    const { incidents } = this.page;
    const dialog = this.asking;
    this.ask.stop();
    const urgent = incidents.urgent();
    this.page.choose(urgent && !(dialog && isDrill(urgent)) ? urgent.id : null);
    $("hero").scrollIntoView({ block: "start" });
  }

  // A key or a pointer on an incident says that somebody saw it.
  seen({ type, target }) {
    const row = target.closest?.("#list > li")?.dataset.id;
    const incident = this.page.incidents.all.get(row ?? this.page.heroId);
    const last = incident?.rows.at(-1);
    if (last && (type === "keydown" || target.closest?.("#hero, #list"))) tell("seen", incident.id, last.key);
  }
}
