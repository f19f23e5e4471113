// Whether sound comes out, as far as a page can know: the browser lets it, the sound card takes it, and a loudspeaker
// that was there is still there. A volume turned down at the loudspeaker is beyond a page; the test of the sound is for that.

const CHECK_MS = 2000;

export class Output {
  // `changed` is called with "on", "blocked" or "quiet".
  constructor(siren, changed) {
    this.siren = siren;
    this.changed = changed;
    this.state = null;
    this.heard = null;
    this.stalled = false;
    this.had = false;
    this.lost = false;
    siren.context.addEventListener("error", () => this.set(true));
    navigator.mediaDevices?.addEventListener("devicechange", () => this.look());
    this.look();
    setInterval(() => this.check(), CHECK_MS);
  }

  // A sound card that takes nothing stops the clock of the context.
  check() {
    const { context } = this.siren;
    const at = context.currentTime;
    this.set(context.state === "running" && at === this.heard);
    this.heard = context.state === "running" ? at : null;
  }

  async look() {
    const devices = await navigator.mediaDevices?.enumerateDevices().catch(() => []);
    const speakers = (devices ?? []).some((device) => device.kind === "audiooutput");
    // A browser that names no loudspeaker at all is not believed: many name none before they are allowed to.
    this.lost = this.had && !speakers;
    this.had ||= speakers;
    this.tell();
  }

  set(stalled) {
    this.stalled = stalled;
    this.tell();
  }

  tell() {
    const state = this.siren.blocked ? "blocked" : this.stalled || this.lost ? "quiet" : "on";
    if (state === this.state) return;
    this.state = state;
    this.changed(state);
  }
}
