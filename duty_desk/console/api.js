// What the officer does, told to the desk.

import { screenName } from "./choices.js";
import { loadSession, proof, toLogIn } from "./session.js";

export class Refused extends Error {
  constructor(code, officer) {
    super(code);
    this.code = code;
    this.officer = officer;
  }
}

export async function post(path, body, again = true) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: proof(screenName()),
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5000),
    });
  } catch {
    throw new Refused("unreachable");
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const fault = await answer.json().catch(() => ({}));
  if (fault.code === "no_session") toLogIn();
  // Somebody logged in anew in another window of this browser.
  if (fault.code === "bad_csrf" && again && (await loadSession().catch(() => null))) return post(path, body, false);
  throw new Refused(fault.code ?? "other", fault.officer);
}

export async function get(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(10000) });
  if (answer.status === 401) toLogIn();
  if (!answer.ok) throw new Refused("other");
  return answer.json();
}
