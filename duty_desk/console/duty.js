// What stands between a press and somebody who answers it: the banner on every console, and whether it rings.

import { post } from "./api.js";
import { $, text } from "./dom.js";
import { may } from "./session.js";
import { word } from "./words.js";

export class Duty {
  constructor() {
    this.state = { rings: false, faults: [] };
    $("duty-seen").addEventListener("click", () => this.seen());
  }

  get rings() {
    return this.state.rings;
  }

  take(state) {
    this.state = state ?? { rings: false, faults: [] };
    this.render();
  }

  render() {
    const { rings, faults } = this.state;
    $("duty").hidden = faults.length === 0;
    if (faults.length === 0) return;
    const [{ kind, who, detail }] = faults;
    text($("duty-text"), word(`duty_${kind}`, { who, detail }));
    text($("duty-more"), faults.length > 1 ? word("duty_more", { count: faults.length - 1 }) : "");
    $("duty-seen").hidden = !rings || !may("act");
  }

  // The desk tells what became of it with its next beat, at once.
  async seen() {
    await post("/api/duty/seen", {}).catch(() => {});
  }
}
