// Grafana's own letters of titles and tables are 14 px and have no setting. Within our own frame they are larger.

const RULES = `
  .panel-title h2 { height: auto; font-size: 20px; line-height: 1.3; }
  [role="columnheader"], [role="cell"] { font-size: 20px; }
`;

export function enlarge(frame) {
  frame.addEventListener("load", () => {
    try {
      const { document: inner, CSSStyleSheet: Sheet } = frame.contentWindow;
      const sheet = new Sheet();
      sheet.replaceSync(RULES);
      inner.adoptedStyleSheets = [...inner.adoptedStyleSheets, sheet];
    } catch {
      // A page of another origin, or none: it stays as it is.
    }
  });
}
