// What the officer does, told to the desk.

export class Refused extends Error {
  constructor(code, officer) {
    super(code);
    this.code = code;
    this.officer = officer;
  }
}

export async function post(path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5000),
    });
  } catch {
    throw new Refused("unreachable");
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const fault = await answer.json().catch(() => ({}));
  throw new Refused(fault.code ?? "other", fault.officer);
}

export async function get(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(10000) });
  if (!answer.ok) throw new Refused("other");
  return answer.json();
}
