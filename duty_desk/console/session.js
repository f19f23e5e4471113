// Who is logged in at this screen. A page whose session is over goes to the log-in, which says so aloud, and comes back.

let session = null;

export async function loadSession() {
  const answer = await fetch("/api/session", { signal: AbortSignal.timeout(5000) });
  if (answer.status === 401) {
    toLogIn();
    // The page is leaving; nothing that waits for a session goes on.
    await new Promise(() => {});
  }
  if (!answer.ok) throw new Error("no answer");
  session = await answer.json();
  return session;
}

export const me = () => session?.name ?? "";
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
  await fetch("/api/session", { method: "DELETE", headers: proof(screen), signal: AbortSignal.timeout(5000) });
  session = null;
  location.replace("/login");
}
