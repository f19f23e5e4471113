// While the browser holds the sound back, the first key or pointer frees it and does nothing else: it is taken whole,
// from its press to its release, and until then the banner stays. If that frees nothing, the next ones act again, so
// that a broken sound card never keeps an officer from accepting.

const PATIENCE_MS = 1000;
// Keys that mean nothing by themselves, or that the browser does not take for a sign of life.
const PASSING = /^(F\d+|Escape|Shift|Control|Alt|AltGraph|Meta|CapsLock|NumLock|ScrollLock|Dead|Unidentified)$/;
const AFTER_POINTER = ["mousedown", "mouseup", "click", "auxclick", "dblclick", "contextmenu"];

export class Gate {
  // `free` asks the browser for the sound; `show` is told whether the banner is to be seen.
  constructor(free, show) {
    this.free = free;
    this.show = show;
    this.blocked = false;
    this.triedAt = null;
    this.key = null;
    this.pointer = null;
    this.clicks = false;
    const on = (name, handle) => addEventListener(name, handle, { capture: true });
    on("keydown", (event) => this.keyDown(event));
    on("keyup", (event) => this.keyUp(event));
    on("pointerdown", (event) => this.pointerDown(event));
    for (const name of ["pointerup", "pointercancel"]) on(name, (event) => this.pointerUp(event));
    for (const name of AFTER_POINTER) on(name, (event) => (this.pointer !== null || this.clicks) && swallow(event));
    addEventListener("blur", () => this.release());
  }

  set(blocked) {
    this.blocked = blocked;
    if (!blocked) this.triedAt = null;
    this.tell();
  }

  tell() {
    this.show(this.blocked || this.key !== null || this.pointer !== null);
  }

  takes() {
    return this.blocked && (this.triedAt === null || performance.now() - this.triedAt < PATIENCE_MS);
  }

  take(event) {
    this.triedAt ??= performance.now();
    swallow(event);
    this.free();
  }

  keyDown(event) {
    this.clicks = false;
    if (this.key === event.code) swallow(event);
    else if (PASSING.test(event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
    else if (this.takes()) {
      this.key = event.code;
      this.take(event);
    } else if (this.blocked) this.free();
  }

  keyUp(event) {
    if (this.key !== event.code) return;
    swallow(event);
    this.key = null;
    this.tell();
  }

  pointerDown(event) {
    this.clicks = false;
    if (this.pointer !== null) swallow(event);
    else if (this.takes()) {
      this.pointer = event.pointerId;
      this.take(event);
    } else if (this.blocked) this.free();
  }

  // A finger counts as a sign of life only when it is lifted. What follows is the rest of the same gesture.
  pointerUp(event) {
    if (this.blocked) this.free();
    if (this.pointer !== event.pointerId) return;
    swallow(event);
    this.pointer = null;
    this.clicks = true;
    this.tell();
  }

  release() {
    this.key = null;
    this.pointer = null;
    this.tell();
  }
}

function swallow(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}
