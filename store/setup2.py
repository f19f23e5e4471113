"""Sets an InfluxDB 2.x up as `store.layout` says: three buckets and the tasks that make the means. May be repeated.

The buckets are called `siaga`, `siaga/minute` and `siaga/hour`, so that InfluxQL knows them as a database and its
retention policies, as in 1.x. InfluxDB 3.x has no tasks: there only what answers is told.
"""

from __future__ import annotations

import csv
import hashlib
from typing import Any, Final

from contract.catalogue import KINDS
from store.beside import BESIDE
from store.errors import StoreError
from store.influxdb2 import InfluxDB2
from store.layout import RAW, Layout, Policy, function_of, is_ours, words
from store.setup1 import Found, portions

_MOST_TASKS: Final = 500
_FUNCTIONS: Final = ("mean", "last", "sum", "max")
_STEPS: Final = {"minute": 60, "hour": 3_600}
_S: Final = 10**9


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


async def rollup(store: InfluxDB2, begin_ns: int, end_ns: int) -> int:
    """Make the values of minutes and hours again from the readings of a time; return how many were written.

    Args:
        store: The store; the token must be allowed to read and write.
        begin_ns: From, in ns since 1970; rounded down to an hour.
        end_ns: To; rounded up.

    Raises:
        StoreRetryError, StoreMisconfiguredError, StoreQueryError: As `InfluxDB2.flux`.
    """
    written = 0
    for first_ns, last_ns in portions(begin_ns, end_ns):
        for policy, step_s in _STEPS.items():
            counted_ns = min(last_ns, end_ns // (step_s * _S) * step_s * _S)
            parts = _flux(
                store.database,
                store.org,
                policy,
                step_s,
                _range(f"time(v: {first_ns})", f"time(v: {last_ns})"),
                _range(f"time(v: {first_ns})", f"time(v: {max(counted_ns, first_ns + 1)})"),
                '    |> count()\n    |> group()\n    |> sum()\n    |> yield(name: "{name}")\n',
            )
            answer = await store.flux("\n".join(parts))
            written += sum(int(row["_value"]) for row in _values(answer))
    return written


def tasks(bucket: str, org: str, layout: Layout) -> dict[str, str]:
    """Return the Flux of the tasks by name; a name ends in a hash of what it does."""
    found: dict[str, str] = {}
    for one in layout.spans():
        # It begins at a whole step, or the first value would be made of a part.
        begin = f"date.truncate(t: -{one.for_s}s, unit: {one.step_s}s)"
        within, counted = _range(begin), _range(begin, f"date.truncate(t: now(), unit: {one.step_s}s)")
        ends = '    |> yield(name: "{name}")\n'
        body = "\n".join(_flux(bucket, org, one.policy, one.step_s, within, counted, ends))
        digest = hashlib.sha256(f"{one.every_s} {body}".encode()).hexdigest()[:8]
        name = f"siaga_{bucket}_{one.policy}_{one.name}_{digest}"
        option = f'option task = {{name: "{name}", every: {one.every_s}s, offset: 0s}}\n'
        found[name] = 'import "date"\n\n' + option + body
    return found


def _bucket(database: str, policy: Policy) -> str:
    return database if policy.name == RAW else f"{database}/{policy.name}"


def _range(begin: str, end: str = "") -> str:
    return f"range(start: {begin}{', stop: ' + end if end else ''})"


def _flux(bucket: str, org: str, policy: str, step_s: int, within: str, counted: str, ends: str) -> list[str]:
    """Return the statements that make the values.

    `within`: their range; `counted`: that of what is counted a minute. `ends` follows each, `{name}` in it is its name.
    """
    to = f'    |> to(bucket: "{bucket}/{policy}", org: "{org}")\n{ends}'
    parts = [
        f'readings = () => from(bucket: "{bucket}")\n'
        f"    |> {within}\n"
        f"    |> filter(fn: (r) => r._measurement =~ /^({'|'.join(KINDS)})$/)\n"
    ]
    for function in _FUNCTIONS:
        names = sorted({q.name for kind in KINDS.values() for q in kind.quantities if function_of(q) == function})
        if names:
            parts.append(
                f"readings()\n    |> filter(fn: (r) => r._field =~ /^({'|'.join(names)})$/)\n"
                f'    |> aggregateWindow(every: {step_s}s, fn: {function}, createEmpty: false, timeSrc: "_start")\n'
                + to.replace("{name}", function)
            )
    parts.append(
        'readings()\n    |> filter(fn: (r) => r._field == "clock")\n'
        f'    |> aggregateWindow(every: {step_s}s, fn: count, createEmpty: false, timeSrc: "_start")\n'
        f'    |> set(key: "_field", value: "readings")\n' + to.replace("{name}", "readings")
    )
    for one in BESIDE:
        parts += one.flux(bucket, step_s, counted if one.beats else within, to)
    return parts


def _values(answer: str) -> list[dict[str, str]]:
    """Return the rows of Flux's CSV that have a value; each result has a heading of its own."""
    rows: list[dict[str, str]] = []
    heading: list[str] = []
    for cells in csv.reader(answer.splitlines()):
        if not cells:
            heading = []
        elif not heading:
            heading = cells
        else:
            rows.append(dict(zip(heading, cells, strict=False)))
    return [row for row in rows if row.get("_value")]
