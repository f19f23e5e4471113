// How many incidents of the list are out of sight, told at the edge where they are, and how many of them nobody has.

import { $, nextFrame } from "./dom.js";
import { word } from "./words.js";

// So near the end of what is in the page, the window is moved on.
const NEAR_PX = 600;

export class Edges {
  // `now` gives the centre's time.
  constructor(rows, now) {
    this.rows = rows;
    this.now = now;
    this.asked = false;
    this.held = null;
    const measure = () => this.measure();
    $("scroller").addEventListener("scroll", measure, { passive: true });
    addEventListener("scroll", measure, { passive: true });
    $("list").addEventListener("focusin", ({ target }) => {
      this.held = target;
      this.measure();
    });
    new ResizeObserver(() => {
      this.hold();
      this.measure();
    }).observe($("scroller"));
    // On a phone the foot lies over the page; what stands above it has to know how high it is.
    new ResizeObserver(() => {
      document.documentElement.style.setProperty("--dock", `${$("dock").offsetHeight}px`);
      this.measure();
    }).observe($("dock"));
    $("below").addEventListener("click", () => this.items().find((one) => one.under)?.item.scrollIntoView({ block: "start" }));
    $("above").addEventListener("click", () => this.items().findLast((one) => one.over)?.item.scrollIntoView({ block: "end" }));
  }

  // Once a frame at most, and never in the way of a paint.
  measure() {
    if (this.asked) return;
    this.asked = true;
    nextFrame(() =>
      setTimeout(() => {
        this.asked = false;
        const moved = this.follow();
        this.tell();
        // Whoever scrolled on since may be where the last scroll event was, and then none comes for it.
        if (moved) this.measure();
      }),
    );
  }

  // The edges between which rows can be seen.
  sight() {
    const room = $("scroller").getBoundingClientRect();
    const bar = $("below").hidden ? $("dock") : $("below");
    return { top: Math.max(room.top, 0), bottom: Math.min(room.bottom, bar.getBoundingClientRect().top) };
  }

  items() {
    const { top, bottom } = this.sight();
    return [...$("list").children].map((item) => {
      const box = item.getBoundingClientRect();
      return { item, over: box.top < top - box.height / 2, under: box.bottom > bottom + 2 };
    });
  }

  // Moves the window on; tells whether it did.
  follow() {
    const { top, bottom } = this.sight();
    const list = $("list").getBoundingClientRect();
    if (list.bottom < bottom + NEAR_PX && this.rows.after.length > 0) return this.move(1, $("list").lastElementChild);
    if (list.top > top - NEAR_PX && this.rows.before.length > 0) return this.move(-1, $("list").firstElementChild);
    return false;
  }

  // `kept` is in both windows, and stays where it is seen: not every browser sees to that by itself, nor at the very top.
  move(direction, kept) {
    const before = kept.getBoundingClientRect().top;
    if (!this.rows.move(direction, this.now())) return false;
    const room = $("scroller");
    const scrolls = room.scrollHeight > room.clientHeight ? room : document.scrollingElement;
    scrolls.scrollBy({ top: kept.getBoundingClientRect().top - before, behavior: "instant" });
    return true;
  }

  // A bar or banner that comes takes its height from the rows: the row with the focus is not left behind it. One that
  // somebody scrolled away from stays away.
  hold() {
    if (this.held !== null && this.held === document.activeElement) this.held.scrollIntoView({ block: "nearest" });
  }

  // The row that has the focus, if as much of it is seen as there is room for.
  focused() {
    const row = document.activeElement;
    if (!$("list").contains(row)) return null;
    const { top, bottom } = this.sight();
    const box = row.getBoundingClientRect();
    const seen = Math.min(box.bottom, bottom) - Math.max(box.top, top);
    return seen > Math.min(box.height, bottom - top) - 2 ? row : null;
  }

  tell() {
    this.held = this.focused();
    const items = this.items();
    const states = (found) => found.map(({ item }) => item.dataset.state);
    const outside = (found) => found.map((incident) => incident.state);
    bar("below", "below", [...states(items.filter((one) => one.under)), ...outside(this.rows.after)]);
    bar("above", "above", [...outside(this.rows.before), ...states(items.filter((one) => one.over))]);
    this.hold();
  }
}

function bar(id, key, states) {
  const element = $(id);
  const open = states.filter((state) => state === "open").length;
  element.hidden = states.length === 0;
  element.dataset.open = String(open > 0);
  element.textContent = word(open > 0 ? `${key}_open` : key, { count: states.length, open });
}
