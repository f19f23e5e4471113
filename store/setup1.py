"""Sets an InfluxDB 1.x database up as `store.layout` says, and says what differs. Both may be repeated at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from contract.catalogue import KINDS, Kind
from store.beside import BESIDE, Beside
from store.errors import StoreDeniedError, StoreQueryError
from store.influxdb1 import InfluxDB1
from store.layout import Layout, Policy, is_ours, seconds, select_into, words
from store.protocol import Row

_STEPS: Final = {"minute": 60, "hour": 3_600}
_HOUR_NS: Final = 3_600 * 10**9


@dataclass(frozen=True, slots=True)
class Found:
    """What differs from the layout. `statements` would mend it; `unseen`: what this account may not look at."""

    differences: tuple[str, ...]
    statements: tuple[str, ...]
    unseen: tuple[str, ...]


async def look(store: InfluxDB1, layout: Layout) -> Found:
    """Compare a store with a layout; changes nothing.

    Raises:
        StoreRetryError, StoreMisconfiguredError: The store does not answer, or does not let us in.
    """
    database = store.database
    differences: list[str] = []
    statements: list[str] = []
    unseen: list[str] = []
    known = {row["name"] for row in await store.query("SHOW DATABASES")}
    policies: list[Row] = []
    if database not in known:
        differences.append(f"there is no database {database}")
        statements.append(f'CREATE DATABASE "{database}"')
    else:
        try:
            policies = await store.query(f'SHOW RETENTION POLICIES ON "{database}"')
        except (StoreDeniedError, StoreQueryError) as error:
            unseen.append(f"how long readings are kept ({error})")
    if not unseen:
        for one in layout.policies():
            _compare_policy(database, one, policies, differences, statements)
    try:
        rows = await store.query("SHOW CONTINUOUS QUERIES")
        sections = await store.query("SHOW DIAGNOSTICS")
    except (StoreDeniedError, StoreQueryError) as error:
        unseen.append(f"the means of minutes and hours ({error})")
    else:
        _compare_queries(database, layout, rows, differences, statements)
        if any(row.get("measurement") == "config-cqs" and row.get("enabled") is False for row in sections):
            differences.append("the server makes no means: [continuous_queries] enabled = false in its configuration")
    return Found(tuple(differences), tuple(statements), tuple(unseen))


async def init(store: InfluxDB1, layout: Layout, *, writers: Sequence[str], readers: Sequence[str]) -> Found:
    """Make a store as the layout says; returns what differed before. The account must be an admin's.

    Args:
        store: The store.
        layout: What it is to be.
        writers: Users that may write to the database.
        readers: Users that may read from it.

    Raises:
        StoreRetryError, StoreMisconfiguredError: The store does not answer, or does not let us do that.
        StoreQueryError: It refuses a statement. Those before it were carried out; doing it all again is safe.
    """
    found = await look(store, layout)
    if found.unseen:
        raise StoreDeniedError(f"this account may not see {'; nor '.join(found.unseen)}; take an admin's")
    for statement in found.statements:
        await store.administer(statement)
    for right, names in (("WRITE", writers), ("READ", readers)):
        for name in names:
            await store.administer(f'GRANT {right} ON "{store.database}" TO "{name}"')
    return found


async def rollup(store: InfluxDB1, begin_ns: int, end_ns: int) -> int:
    """Make the values of minutes and hours again from the readings of a time; return how many were written.

    Args:
        store: The store; the account must be allowed to read and write.
        begin_ns: From, in ns since 1970; rounded down to an hour.
        end_ns: To; rounded up.

    Raises:
        StoreError: As `query`.
    """
    written = 0
    every: tuple[Kind | Beside, ...] = (*KINDS.values(), *BESIDE)
    for first_ns, last_ns in portions(begin_ns, end_ns):
        for kind in every:
            for policy, step_s in _STEPS.items():
                # A part of a minute or hour would be a lower count than was.
                ends_ns = min(last_ns, end_ns // (step_s * 10**9) * step_s * 10**9)
                to_ns = ends_ns if isinstance(kind, Beside) and kind.beats else last_ns
                condition = f"WHERE time >= {first_ns} AND time < {to_ns} "
                if first_ns < to_ns:
                    rows = await store.administer(select_into(store.database, kind, policy, step_s, condition))
                    written += sum(int(row.get("written") or 0) for row in rows)
    return written


def portions(begin_ns: int, end_ns: int) -> list[tuple[int, int]]:
    """Return a time in whole hours, in portions of a day: a store answers each in seconds."""
    first_ns, last_ns = begin_ns // _HOUR_NS * _HOUR_NS, -(-end_ns // _HOUR_NS) * _HOUR_NS
    return [(at_ns, min(at_ns + 24 * _HOUR_NS, last_ns)) for at_ns in range(first_ns, last_ns, 24 * _HOUR_NS)]


def _compare_policy(
    database: str, wanted: Policy, policies: list[Row], differences: list[str], statements: list[str]
) -> None:
    default = wanted.name == "autogen"
    shape = f"DURATION {wanted.keep_s}s REPLICATION 1 SHARD DURATION {wanted.shard_s}s{' DEFAULT' if default else ''}"
    there = next((row for row in policies if row["name"] == wanted.name), None)
    if there is None:
        differences.append(f"{wanted.name}: is not there; keeps points {words(wanted.keep_s)}")
        # A new database has its default policy already.
        verb = "ALTER" if default else "CREATE"
        statements.append(f'{verb} RETENTION POLICY "{wanted.name}" ON "{database}" {shape}')
        return
    keeps_s = seconds(str(there["duration"]))
    if keeps_s != wanted.keep_s:
        differences.append(f"{wanted.name}: keeps points {words(keeps_s)}, not {words(wanted.keep_s)}")
    elif default and not there["default"]:
        differences.append(f"{wanted.name}: is not the default")
    elif seconds(str(there["shardGroupDuration"])) == wanted.shard_s:
        return
    else:
        differences.append(f"{wanted.name}: drops points in other portions than of {words(wanted.shard_s)}")
    statements.append(f'ALTER RETENTION POLICY "{wanted.name}" ON "{database}" {shape}')


def _compare_queries(
    database: str, layout: Layout, rows: list[Row], differences: list[str], statements: list[str]
) -> None:
    there = {str(row["name"]) for row in rows if row.get("measurement") == database and is_ours(str(row["name"]))}
    wanted = layout.queries(database)
    old = sorted(there - wanted.keys())
    new = [name for name in wanted if name not in there]
    if old or new:
        differences.append(
            f"means of minutes and hours: {len(new)} queries are missing, {len(old)} are of another layout"
        )
    statements += [f'DROP CONTINUOUS QUERY "{name}" ON "{database}"' for name in old]
    statements += [wanted[name] for name in new]
