// The map's colours, taken from its style sheet in the theme that the page has now.

const NAMES = [
  "ground", "water", "green-area", "building", "case", "motorway", "major", "medium", "minor", "name", "halo",
  "site", "button", "button-core", "missing", "missing-mark", "ringing", "drill", "accepted", "moving", "resolved",
  "edge", "vehicle", "vehicle-edge", "sensor", "text",
];

export function colours(container) {
  const probe = document.createElement("span");
  probe.hidden = true;
  container.append(probe);
  const found = {};
  for (const name of NAMES) {
    // Through a property that is computed, as a variable would come with its light-dark() unresolved.
    probe.style.color = `var(--map-${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

export function onThemeChange(changed) {
  const watcher = new MutationObserver(changed);
  watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", changed);
  return () => {
    watcher.disconnect();
    dark.removeEventListener("change", changed);
  };
}
