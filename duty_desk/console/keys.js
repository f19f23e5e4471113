// Which key does what. While something is typed, keys are letters.

// `actions` by key in lower case; `typing` by key while something is typed, told the element.
export function listen(actions, typing) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.isComposing) return;
    const field = event.target.closest?.("input, textarea");
    const key = event.key.toLowerCase();
    if (field) {
      if (typing[key]?.(field, event)) event.preventDefault();
      return;
    }
    // A button or link reached by keyboard keeps its own keys.
    if (key === " " && event.target.closest?.("button:not(.row)")) return;
    if (!actions[key]) return;
    event.preventDefault();
    actions[key]();
  });
}
