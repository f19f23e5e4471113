// Grafana's own letters of titles and tables are 14 px and have no setting, and its 27 rows do not shrink to what the
// head and foot of a screen leave. Within our own frame letters are larger, and the rows are all there.

const RULES = `
  .panel-title h2 { height: auto; font-size: 20px; line-height: 1.3; }
  [role="columnheader"], [role="cell"] { font-size: 20px; }
`;
const ROWS_PX = 27 * 38 + 24;

export function enlarge(frame) {
  const fit = () => {
    const share = Math.min(1, (frame.parentElement?.clientHeight ?? ROWS_PX) / ROWS_PX);
    const size = `${100 / share}%`;
    Object.assign(frame.style, { position: "absolute", inset: "0 auto auto 0", width: size, height: size });
    frame.style.transform = `scale(${share})`;
    frame.style.transformOrigin = "0 0";
  };
  frame.addEventListener("load", () => {
    fit();
    if (frame.parentElement) new ResizeObserver(fit).observe(frame.parentElement);
    try {
      const { document: inner, CSSStyleSheet: Sheet } = frame.contentWindow;
      const sheet = new Sheet();
      sheet.replaceSync(RULES);
      inner.adoptedStyleSheets = [...inner.adoptedStyleSheets, sheet];
    } catch {
      // A page of another origin, or none: it stays as it is.
    }
  }, { passive: true });
}
