// How many incidents of the list are cut off below, told at the edge where they are.

import { word } from "./words.js";

const $ = (id) => document.getElementById(id);
let asked = false;

export function wireBelow() {
  $("scroller").addEventListener("scroll", measureBelow, { passive: true });
  addEventListener("scroll", measureBelow, { passive: true });
  new ResizeObserver(measureBelow).observe($("scroller"));
  // On a phone the foot lies over the page; what stands above it has to know how high it is.
  new ResizeObserver(() => {
    document.documentElement.style.setProperty("--dock", `${$("dock").offsetHeight}px`);
    measureBelow();
  }).observe($("dock"));
  $("below").addEventListener("click", () => hidden()[0]?.scrollIntoView({ block: "start" }));
}

// Once a frame at most, and never in the way of a paint.
export function measureBelow() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => setTimeout(measure));
}

function hidden() {
  const bar = $("below");
  const edge = bar.hidden ? $("dock") : bar;
  const limit = Math.min($("scroller").getBoundingClientRect().bottom, edge.getBoundingClientRect().top) + 2;
  return [...$("list").children].filter((item) => item.getBoundingClientRect().bottom > limit);
}

function measure() {
  asked = false;
  const items = hidden();
  const open = items.filter((item) => item.dataset.state === "open").length;
  const bar = $("below");
  bar.hidden = items.length === 0;
  bar.dataset.open = String(open > 0);
  bar.textContent = word(open > 0 ? "below_open" : "below", { count: items.length, open });
}
