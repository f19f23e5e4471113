// Requests to the desk. Who asks stands in the session's cookie; changes carry its token, and the screen's name.

import { askSession, proof } from "./session.js";

const ASK_MS = 10_000;
const ACT_MS = 5_000;

export class Refused extends Error {
  constructor(code, officer, status = 0, text = code) {
    super(text);
    this.code = code;
    this.officer = officer;
    this.status = status;
  }
}

let screen = null;
let left = () => {};

export function atScreen(name) {
  screen = name;
}

// `call` is told when the desk no longer knows this session.
export function onLeft(call) {
  left = call;
}

export const get = (path, signal = AbortSignal.timeout(ASK_MS)) => send(path, { signal });

export function post(path, body) {
  return change("POST", path, JSON.stringify(body), true);
}

export function remove(path) {
  return change("DELETE", path, undefined, true);
}

async function change(method, path, body, again) {
  try {
    const signal = AbortSignal.timeout(ACT_MS);
    return await send(path, { method, headers: proof(screen), body, signal });
  } catch (fault) {
    // Somebody logged in anew in another window of this browser.
    if (fault.code !== "bad_csrf" || !again) throw fault;
    await askSession().catch(() => {});
    return change(method, path, body, false);
  }
}

async function send(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refused("unreachable");
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const fault = await answer.json().catch(() => ({}));
  if (answer.status === 401) left();
  throw new Refused(fault.code ?? "other", fault.officer, answer.status, fault.text);
}
