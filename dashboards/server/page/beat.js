// The heart of a screen, in a thread of its own: it goes on beating while the page hangs, and says for how long it has.

const BEAT_MS = 2_000;
const TIMEOUT_MS = 5_000;

let told = null;
let toldAt = 0;
let version = null;

onmessage = ({ data }) => {
  const first = told === null;
  told = data;
  toldAt = performance.now();
  if (first) {
    beat();
  }
};

async function beat() {
  let next = BEAT_MS;
  const { number, ...seen } = told;
  const body = { ...seen, version, hung_ms: Math.round(performance.now() - toldAt) };
  try {
    const answer = await fetch(`/api/screen/${number}/alive`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (answer.ok) {
      const { reload, version: current, next_ms } = await answer.json();
      version ??= current;
      // The server has all screens beat at one moment, which costs it less.
      next = Math.min(Math.max(next_ms, BEAT_MS / 2), 2 * BEAT_MS);
      if (reload) {
        postMessage("reload");
      }
    }
  } catch {
    // The next beat tries again; that none arrives is what the guardian names.
  } finally {
    setTimeout(beat, next);
  }
}
