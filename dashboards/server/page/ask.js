// Questions to the wall server. Whatever goes wrong becomes a sentence, never an old answer.

const TIMEOUT_MS = 12_000;

export async function get(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined));
  const answer = await fetch(`${path}?${query}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).text ?? String(answer.status));
  return answer.json();
}

export function choices(state) {
  return { device: state.device, sensor: state.sensor, range: state.range_s, language: state.language };
}

// Calls `once` again and again, never twice at once, until the returned function is called.
export function again(once, everyMs) {
  let going = true;
  (async () => {
    while (going) {
      const began = performance.now();
      await once();
      await new Promise((done) => setTimeout(done, Math.max(250, everyMs - (performance.now() - began))));
    }
  })();
  return () => {
    going = false;
  };
}
