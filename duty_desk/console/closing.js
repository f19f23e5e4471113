// The form that closes an incident. One that another officer has takes a second, named confirmation, where Enter and
// space mean no.

import { word } from "./words.js";

const SETTLE_MS = 400;
const $ = (id) => document.getElementById(id);

export class Closing {
  // `close` is called with the incident and the note; `owns` tells whether it is this officer's; `left` after giving up.
  constructor({ close, owns, left }) {
    this.close = close;
    this.owns = owns;
    this.left = left;
    this.incident = null;
    this.askedAt = null;
    $("close-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    $("close-foreign-yes").addEventListener("click", () => this.confirm());
    for (const id of ["close-cancel", "close-foreign-no"]) $(id).addEventListener("click", () => this.cancel());
  }

  get open() {
    return this.incident !== null;
  }

  start(incident) {
    this.incident = incident;
    this.show();
    $("note").focus();
  }

  stop() {
    this.incident = null;
    this.askedAt = null;
    $("note").value = "";
    this.show();
  }

  cancel() {
    if (!this.open) return;
    this.stop();
    this.left();
  }

  submit() {
    if (!this.open) return;
    if (this.owns(this.incident)) {
      this.finish();
      return;
    }
    this.askedAt = performance.now();
    this.show();
    $("close-foreign-no").focus();
  }

  // The second yes; one that comes at once was meant for something else.
  confirm() {
    if (this.askedAt !== null && performance.now() - this.askedAt >= SETTLE_MS) this.finish();
  }

  finish() {
    const { incident } = this;
    const note = $("note").value.trim();
    this.stop();
    this.close(incident, note);
  }

  show() {
    const asking = this.askedAt !== null;
    $("hero-actions").classList.toggle("closing", this.open);
    $("close-form").hidden = !this.open || asking;
    $("close-foreign").hidden = !asking;
    const officer = this.incident?.officer ?? "";
    $("close-foreign-text").textContent = asking ? word("foreign_text", { officer }) : "";
    $("close-foreign-word").textContent = asking ? word("foreign_yes", { officer }) : "";
  }
}
