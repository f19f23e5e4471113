// Who is logged in at this screen.

let session = null;

// Asks the desk; an error has the `status` of its answer, if there was one.
export async function askSession() {
  const answer = await fetch("/api/session", { signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw Object.assign(new Error("no session"), { status: answer.status });
  session = await answer.json();
  return session;
}

// The same for a page that is nothing without a session: it goes to the log-in, which says so aloud, and comes back.
export async function loadSession() {
  try {
    return await askSession();
  } catch (error) {
    if (error.status !== 401) throw error;
    toLogIn();
    // The page is leaving; nothing that waits for a session goes on.
    return new Promise(() => {});
  }
}

export const me = () => session?.name ?? "";
export const role = () => session?.role ?? "viewer";
export const may = (permission) => session?.permissions.includes(permission) ?? false;

// What goes with everything that changes something.
export function proof(screen) {
  const headers = { "content-type": "application/json", "x-siaga-csrf": session?.csrf ?? "" };
  if (screen) headers["x-siaga-screen"] = encodeURIComponent(screen);
  return headers;
}

export function toLogIn() {
  const query = new URLSearchParams({ next: location.pathname + location.search });
  if (session) query.set("ended", "1");
  location.replace(`/login?${query}`);
}

export async function logOut(screen) {
  // Whoever uses this browser next is not called in this one's name.
  const { leave } = await import("./push.js");
  await leave().catch(() => {});
  await fetch("/api/session", { method: "DELETE", headers: proof(screen), signal: AbortSignal.timeout(5000) });
  session = null;
  location.replace("/login");
}
