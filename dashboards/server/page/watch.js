// What a screen can see of itself: whether it paints, what its Grafana shows, when a question was last answered.

const LOOK_MS = 1_000;
const QUERY = /\/api\/(?:datasources\/proxy\/|ds\/query)/;
const PANELS = ".react-grid-item, .panel-solo";
const ERRORS = '.panel-info-corner--error, [data-testid="data-testid Panel status error"]';
const LOADING = '.panel-loading, [aria-label="Panel loading bar"]';
const NO_DATA = /(?:No data|Tidak ada data)$/;
const MISSING = /not found|init failed|failed to load/i;

const page = token();
const browser = browserName();
const kiosk = new URLSearchParams(location.search).has("kiosk");
let heart = null;
let paintedAt = performance.now();
let look = null;

/**
 * Watch a screen's page, and tell the wall server each 2 s; called again whenever the page shows something else.
 *
 * @param {number} number The screen.
 * @param {HTMLIFrameElement | null} frame Grafana's frame; null while the page draws by itself.
 * @param {() => {source: "grafana" | "board" | "incident", dashboard: string, painted_ms?: number, panels?: number,
 *   errors?: number, no_answer?: boolean}} report What the page shows; its board last drew at `painted_ms` of
 *   `performance.now()`.
 * @returns {{stop: () => void}} The frame is no longer looked at; the heart goes on.
 */
export function start(number, frame, report) {
  const shownAt = performance.now();
  const seen = frame && watchFrame(frame);
  look = () => {
    const { source, dashboard, ...board } = report();
    return {
      number,
      source,
      dashboard,
      loaded_ms: ago(seen ? seen.loadedAt() : shownAt),
      frame: seen ? seen.look() : null,
      board: source === "board" ? drawn(board) : null,
    };
  };
  if (!heart) begin(number);
  else tell();
  return {
    stop() {
      seen?.stop();
    },
  };
}

function begin(number) {
  if (kiosk) hideCursor(window);
  heart = new Worker("/static/beat.js");
  heart.onmessage = () => location.reload();
  heart.onerror = () => console.error("the page's heart could not be loaded");
  addEventListener("pagehide", () => {
    heart.terminate();
    fetch(`/api/screen/${number}/alive`, {
      method: "POST",
      keepalive: true,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ page, browser, kiosk, leaving: true }),
    }).catch(() => {});
  });
  // Back from the browser's memory of pages the heart is still: load anew.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  tell();
  setInterval(tell, LOOK_MS);
}

function tell() {
  // One frame a second tells that it paints, and costs a small computer nothing.
  requestAnimationFrame(() => {
    paintedAt = performance.now();
  });
  heart.postMessage({
    ...look(),
    page,
    browser,
    kiosk,
    visible: document.visibilityState === "visible",
    painted_ms: ago(paintedAt),
    heap_bytes: performance.memory?.usedJSHeapSize ?? null,
  });
}

// A store that does not answer is no fault of the drawing; the wall server knows it itself.
function drawn({ panels = 0, errors = 0, no_answer: noAnswer = false, painted_ms: drawnAt = null }) {
  return { panels, errors: noAnswer ? 0 : errors, answered_ms: ago(drawnAt) };
}

function watchFrame(frame) {
  let loadedAt = performance.now();
  let tickedAt = performance.now();
  let attemptedAt = null;
  let answeredAt = null;
  let refusedAt = null;
  let observer = null;
  let reachable = true;

  // The window stays the same object from document to document, but what was hooked into it is gone.
  function hook() {
    loadedAt = tickedAt = performance.now();
    attemptedAt = answeredAt = refusedAt = null;
    observer?.disconnect();
    try {
      const inner = frame.contentWindow;
      const shift = inner.performance.timeOrigin - performance.timeOrigin;
      observer = new inner.PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          if (QUERY.test(entry.name)) {
            const at = entry.responseEnd + shift;
            attemptedAt = Math.max(attemptedAt ?? at, at);
            // A refresh that was aborted makes an entry too, of status 0.
            if (entry.responseStatus === 200) {
              answeredAt = Math.max(answeredAt ?? at, at);
            } else if (entry.responseStatus === 401) {
              // Grafana's own: that of a store it turns into 400.
              refusedAt = Math.max(refusedAt ?? at, at);
            }
          }
        }
      });
      observer.observe({ type: "resource", buffered: true });
      inner.setInterval(() => {
        tickedAt = performance.now();
      }, LOOK_MS);
      reachable = true;
      if (kiosk) hideCursor(inner);
    } catch {
      reachable = false;
    }
  }

  function look() {
    const told = {
      reachable,
      ticked_ms: ago(tickedAt),
      attempted_ms: ago(attemptedAt),
      answered_ms: ago(answeredAt),
    };
    try {
      const inner = frame.contentDocument;
      if (!inner?.body) {
        return { ...told, reachable: false };
      }
      const panels = [...inner.querySelectorAll(PANELS)];
      return {
        ...told,
        log_in:
          (refusedAt !== null && refusedAt > (answeredAt ?? 0)) ||
          inner.querySelector('input[type="password"]') !== null || inner.location.pathname.endsWith("/login"),
        missing: panels.length === 0 && MISSING.test(inner.body.innerText),
        panels: panels.length,
        errors: inner.querySelectorAll(ERRORS).length,
        no_data: panels.filter((panel) => NO_DATA.test(panel.textContent.trim())).length,
        loading: inner.querySelectorAll(LOADING).length,
      };
    } catch {
      return { ...told, reachable: false };
    }
  }

  frame.addEventListener("load", hook);
  hook();
  return {
    look,
    loadedAt: () => loadedAt,
    stop() {
      frame.removeEventListener("load", hook);
      observer?.disconnect();
    },
  };
}

function hideCursor(view) {
  const sheet = new view.CSSStyleSheet();
  sheet.replaceSync("* { cursor: none !important }");
  view.document.adoptedStyleSheets = [...view.document.adoptedStyleSheets, sheet];
}

function ago(at) {
  return at === null || at === undefined ? null : Math.max(0, Math.round(performance.now() - at));
}

function browserName() {
  try {
    const kept = localStorage.getItem("siaga.browser") ?? token();
    localStorage.setItem("siaga.browser", kept);
    return kept;
  } catch {
    return token();
  }
}

// Not crypto.randomUUID: a screen's page comes over plain HTTP, where it is missing.
function token() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
