// The incident nobody has taken, in large letters over everything, whenever something else stands in the large place or
// the large place is scrolled out of sight. It stays until somebody takes it.

import { $, text } from "./dom.js";
import { address, grave, kindWord } from "./facts.js";
import { word } from "./words.js";

export class Urgent {
  // `go` is called when the officer turns to it.
  constructor(go) {
    this.inSight = true;
    this.incident = null;
    this.hero = null;
    $("urgent").addEventListener("click", go);
    new IntersectionObserver(([seen]) => {
      this.inSight = seen.isIntersecting;
      this.show(this.incident, this.hero);
    }).observe($("hero-address"));
  }

  // `incident`: the most urgent one, or null; `hero`: the one that stands large.
  show(incident, hero) {
    this.incident = incident;
    this.hero = hero;
    const strip = $("urgent");
    const needed = incident !== null && (incident.id !== hero?.id || !this.inSight);
    strip.hidden = !needed;
    if (!needed) return;
    strip.dataset.grave = grave(incident);
    text($("urgent-state"), kindWord(incident) ?? word(incident.state === "open" ? "state_open" : "state_again"));
    text($("urgent-address"), address(incident));
    $("urgent-age").dataset.since = incident.state === "open" ? incident.opened_at_ms : incident.unanswered_since_ms;
  }
}
