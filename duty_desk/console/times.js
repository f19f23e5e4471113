// How long an incident takes against its targets. Pure. Each time counts from the moment the desk could begin with it.

// From this share of the target on, it is running out.
const NEAR = 0.7;

// One each for accept, depart and resolve, as far as it has begun: { name, ms, target_ms, level, running }; `level` is
// "good", "near" or "late". `targets` in s, `now` is the centre's time in ms.
export function response(incident, targets, now) {
  const { received_at_ms: came, accepted_at_ms: accepted, departed_at_ms: departed } = incident;
  const { resolved_at_ms: resolved, ended_at_ms: ended } = incident;
  const found = [measure("accept", came, accepted ?? ended, now, targets.accept_s)];
  if (accepted !== null && (departed !== null || (resolved ?? ended) === null))
    found.push(measure("depart", accepted, departed ?? ended, now, targets.depart_s));
  if (accepted !== null) found.push(measure("resolve", came, resolved ?? ended, now, targets.resolve_s));
  return found;
}

function measure(name, from, until, now, target_s) {
  const ms = Math.max(0, (until ?? now) - from);
  const target_ms = target_s * 1000;
  const late = ms > target_ms;
  const near = until === null && ms >= NEAR * target_ms;
  return { name, ms, target_ms, level: late ? "late" : near ? "near" : "good", running: until === null };
}
