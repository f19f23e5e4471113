"""Sets an InfluxDB 2.x up as `store.layout` says: three buckets and the tasks that make the means. May be repeated.

The buckets are called `siaga`, `siaga/minute` and `siaga/hour`, so that InfluxQL knows them as a database and its
retention policies, as in 1.x. InfluxDB 3.x has no tasks: there only what answers is told.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from contract.catalogue import KINDS
from store.errors import StoreError
from store.influxdb2 import InfluxDB2
from store.layout import RAW, Layout, Policy, function_of, is_ours, words
from store.setup1 import Found

_MOST_TASKS: Final = 500
_FUNCTIONS: Final = ("mean", "last", "sum", "max")


async def look(store: InfluxDB2, layout: Layout) -> Found:
    """Compare a store with a layout; changes nothing.

    Raises:
        StoreRetryError, StoreMisconfiguredError: The store does not answer, or does not let us in.
    """
    found, _ = await _plan(store, layout)
    return found


async def init(store: InfluxDB2, layout: Layout) -> Found:
    """Make a store as the layout says; returns what differed before.

    Raises:
        StoreRetryError, StoreMisconfiguredError, StoreQueryError: As `InfluxDB2.api`; doing it all again is safe.
    """
    found, requests = await _plan(store, layout)
    for method, path, body in requests:
        await store.api(method, path, body)
    return found


_Request = tuple[str, str, dict[str, Any] | None]


async def _plan(store: InfluxDB2, layout: Layout) -> tuple[Found, list[_Request]]:
    if (await store.health()).startswith("InfluxDB 3"):
        return Found((), (), ("retention and means: InfluxDB 3.x is set up with its own command, influxdb3",)), []
    differences: list[str] = []
    requests: list[_Request] = []
    org_id = await store.org_id()
    for policy in layout.policies():
        name = _bucket(store.database, policy)
        rules = [{"type": "expire", "everySeconds": policy.keep_s, "shardGroupDurationSeconds": policy.shard_s}]
        there = await store.bucket(name)
        if there is None:
            differences.append(f"{name}: is not there; keeps points {words(policy.keep_s)}")
            requests.append(("POST", "/api/v2/buckets", {"orgID": org_id, "name": name, "retentionRules": rules}))
            continue
        keeps_s = sum(int(rule.get("everySeconds", 0)) for rule in there.get("retentionRules", ()))
        if keeps_s != policy.keep_s:
            differences.append(f"{name}: keeps points {words(keeps_s)}, not {words(policy.keep_s)}")
            requests.append(("PATCH", f"/api/v2/buckets/{there['id']}", {"retentionRules": rules}))
    try:
        parameters = {"org": store.org, "limit": str(_MOST_TASKS)}
        known = (await store.api("GET", "/api/v2/tasks", None, parameters)).get("tasks", [])
    except StoreError as error:
        return Found(tuple(differences), (), (f"the means of minutes and hours ({error})",)), requests
    wanted = tasks(store.database, store.org, layout)
    mark = f"siaga_{store.database}_"
    ours = {one["name"]: one["id"] for one in known if is_ours(one["name"]) and one["name"].startswith(mark)}
    old = [name for name in ours if name not in wanted]
    new = [name for name in wanted if name not in ours]
    if old or new:
        differences.append(
            f"means of minutes and hours: {len(new)} tasks are missing, {len(old)} are of another layout"
        )
    requests += [("DELETE", f"/api/v2/tasks/{ours[name]}", None) for name in old]
    requests += [("POST", "/api/v2/tasks", {"orgID": org_id, "flux": wanted[name], "status": "active"}) for name in new]
    return Found(tuple(differences), tuple(f"{method} {path}" for method, path, _ in requests), ()), requests


def tasks(bucket: str, org: str, layout: Layout) -> dict[str, str]:
    """Return the Flux of the tasks by name; a name ends in a hash of what it does."""
    found: dict[str, str] = {}
    for one in layout.spans():
        body = _flux(bucket, org, one.policy, one.step_s, one.for_s)
        digest = hashlib.sha256(f"{one.every_s} {body}".encode()).hexdigest()[:8]
        name = f"siaga_{bucket}_{one.policy}_{one.name}_{digest}"
        option = f'option task = {{name: "{name}", every: {one.every_s}s, offset: 0s}}\n'
        found[name] = 'import "date"\n\n' + option + body
    return found


def _bucket(database: str, policy: Policy) -> str:
    return database if policy.name == RAW else f"{database}/{policy.name}"


def _flux(bucket: str, org: str, policy: str, step_s: int, for_s: int) -> str:
    """Return the part that makes the values; it begins at a whole step, or the first value would be made of a part."""
    parts = [
        f'readings = () => from(bucket: "{bucket}")\n'
        f"    |> range(start: date.truncate(t: -{for_s}s, unit: {step_s}s))\n"
        f"    |> filter(fn: (r) => r._measurement =~ /^({'|'.join(KINDS)})$/)\n"
    ]
    ends = f'    |> to(bucket: "{bucket}/{policy}", org: "{org}")\n'
    for function in _FUNCTIONS:
        names = sorted({q.name for kind in KINDS.values() for q in kind.quantities if function_of(q) == function})
        if names:
            parts.append(
                f"readings()\n    |> filter(fn: (r) => r._field =~ /^({'|'.join(names)})$/)\n"
                f'    |> aggregateWindow(every: {step_s}s, fn: {function}, createEmpty: false, timeSrc: "_start")\n'
                f'{ends}    |> yield(name: "{function}")\n'
            )
    parts.append(
        'readings()\n    |> filter(fn: (r) => r._field == "clock")\n'
        f'    |> aggregateWindow(every: {step_s}s, fn: count, createEmpty: false, timeSrc: "_start")\n'
        f'    |> set(key: "_field", value: "readings")\n{ends}    |> yield(name: "readings")\n'
    )
    return "\n".join(parts)
