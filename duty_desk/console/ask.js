// The short dialog where words or a reason are needed. While it is open nothing else takes the large place. What was
// written is kept when it is left, and is there again when it is opened again.
//
// What another officer has takes a second, named yes, where Enter and space mean no.

import { $, made, text } from "./dom.js";
import { word } from "./words.js";

const SETTLE_MS = 400;
const DRAFTS = 20;
export const REASONS = ["false_alarm", "test", "duplicate", "caller"];
// Which of them write something, and which must.
const WRITES = { close: "may", cancel: "may", note: "must" };

export class Ask {
  // `act` is called with the verb, the incident and the rest of the body; `owns` tells whether the incident is this
  // officer's or nobody's; `left` is called after giving up.
  constructor({ act, owns, left }) {
    Object.assign(this, { act, owns, left });
    this.verb = null;
    this.incident = null;
    this.reason = null;
    this.askedAt = null;
    this.drafts = new Map();
    $("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    $("note").addEventListener("input", () => this.mark(false));
    $("sure-yes").addEventListener("click", () => this.confirm());
    for (const id of ["ask-no", "sure-no"]) $(id).addEventListener("click", () => this.cancel());
    $("ask-reasons").append(...REASONS.map((reason, at) => this.reasonButton(reason, at)));
  }

  get open() {
    return this.verb !== null;
  }

  // Does what needs no words at once, unless it is another officer's.
  start(verb, incident) {
    this.verb = verb;
    this.incident = incident;
    this.reason = null;
    this.askedAt = null;
    if (!(verb in WRITES)) {
      this.submit();
      return;
    }
    $("note").value = this.drafts.get(this.name()) ?? "";
    this.show();
    if (verb === "cancel") $("ask-reasons").firstChild.focus();
    else $("note").focus();
    $("ask").scrollIntoView({ block: "center" });
  }

  name() {
    return `${this.verb} ${this.incident.id}`;
  }

  choose(at) {
    if (this.verb !== "cancel" || this.askedAt !== null || at >= REASONS.length) return;
    this.reason = REASONS[at];
    this.show();
    $("note").focus();
  }

  // Gives the place free and keeps what was written.
  stop() {
    if (!this.open) return;
    const written = $("note").value;
    this.drafts.delete(this.name());
    if (written.trim() && this.verb in WRITES) this.drafts.set(this.name(), written);
    if (this.drafts.size > DRAFTS) this.drafts.delete(this.drafts.keys().next().value);
    this.end();
  }

  end() {
    this.verb = null;
    this.incident = null;
    this.askedAt = null;
    if ($("ask").contains(document.activeElement)) document.activeElement.blur();
    $("note").value = "";
    this.show();
  }

  cancel() {
    if (!this.open) return;
    this.stop();
    this.left();
  }

  submit() {
    if (!this.open || this.askedAt !== null) return;
    if (this.verb === "cancel" && this.reason === null) {
      this.mark(true);
      return;
    }
    if (WRITES[this.verb] === "must" && !$("note").value.trim()) {
      this.mark(true);
      $("note").focus();
      return;
    }
    if (this.verb === "note" || this.owns(this.incident)) {
      this.finish();
      return;
    }
    this.askedAt = performance.now();
    this.show();
    $("sure-no").focus();
  }

  // The second yes; one that comes at once was meant for something else.
  confirm() {
    if (this.askedAt !== null && performance.now() - this.askedAt >= SETTLE_MS) this.finish();
  }

  finish() {
    const { verb, incident, reason } = this;
    const note = verb in WRITES ? $("note").value.trim() : "";
    const body = {};
    if (verb === "cancel") body.reason = reason;
    if (note) body.note = note;
    this.stop();
    this.act(verb, incident, body).then((done) => done && this.drafts.delete(`${verb} ${incident.id}`));
  }

  mark(missing) {
    $("ask-missing").textContent = missing ? word(this.verb === "note" ? "note_missing" : "reason_missing") : "";
  }

  show() {
    const asking = this.askedAt !== null;
    document.body.dataset.asking = String(this.open);
    $("hero-actions").classList.toggle("asking", this.open);
    $("ask").hidden = !this.open || asking;
    $("sure").hidden = !asking;
    $("ask-missing").textContent = "";
    if (!this.open) return;
    const officer = this.incident.officer ?? "";
    if (this.verb in WRITES) {
      text($("ask-title"), word(`ask_${this.verb}`));
      text($("ask-label"), word(`ask_${this.verb}_note`));
      text($("ask-yes-word"), word(`ask_${this.verb}_yes`));
    }
    $("ask-reasons").hidden = this.verb !== "cancel";
    for (const one of $("ask-reasons").children) {
      one.setAttribute("aria-checked", String(one.dataset.reason === this.reason));
      text(one.lastChild, word(`reason_${one.dataset.reason}`));
    }
    text($("sure-text"), asking ? word(`sure_${this.verb}`, { officer }) : "");
    text($("sure-word"), asking ? word("sure_yes", { officer }) : "");
  }

  reasonButton(reason, at) {
    const one = made("button", "reason");
    one.type = "button";
    one.dataset.reason = reason;
    one.setAttribute("role", "radio");
    one.append(made("kbd", "", String(at + 1)), made("span", ""));
    one.addEventListener("click", () => this.choose(at));
    return one;
  }
}
