"""Whether somebody without a log-in can change the store through Grafana: it is tried, with a database of its own name.

Grafana's proxy passes on whatever the data source's account may do. So each way that once went through is tried as a
stranger would, and told loudly when it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import niquests

from dashboards.grafana.question import SOURCE_UID

PROBE: Final = "siaga_wall_check_may_be_dropped"
"""The database and measurement that the attempts name; nothing of the city is called so."""
_LINE: Final = f"{PROBE} value=1i 1"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to change something: a name, the method, the path behind the proxy, and a body."""

    name: str
    method: str
    path: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt. `open`: it went through."""

    attempt: Attempt
    open: bool
    said: str


def attempts(database: str, org: str) -> tuple[Attempt, ...]:
    """Return the ways that are tried, those that undo the others last."""
    create, drop = (quote(f'{verb} DATABASE "{PROBE}"') for verb in ("CREATE", "DROP"))
    db, org_ = quote(database), quote(org)
    delete = (
        b'{"start":"1970-01-01T00:00:00Z","stop":"1970-01-01T00:00:01Z","predicate":"_measurement=\\"'
        + PROBE.encode()
        + b'\\""}'
    )
    return (
        Attempt("make a database (GET)", "GET", f"query?q={create}"),
        Attempt("make a database (POST)", "POST", f"query?q={create}", b""),
        Attempt("write", "POST", f"write?db={db}", _LINE.encode()),
        Attempt("write as 2.x", "POST", f"api/v2/write?org={org_}&bucket={db}", _LINE.encode()),
        Attempt("delete as 2.x", "POST", f"api/v2/delete?org={org_}&bucket={db}", delete),
        Attempt("drop a measurement", "POST", f"query?db={db}&q={quote(f'DROP MEASUREMENT {PROBE}')}", b""),
        Attempt("drop a database", "POST", f"query?q={drop}", b""),
    )


def try_all(url: str, database: str, org: str, timeout_s: float) -> list[Outcome]:
    """Return what came of each attempt.

    Raises:
        OSError: Grafana cannot be reached.
    """
    session: Any = niquests.Session()
    session.trust_env = False
    ways = [f"{url}api/datasources/proxy/uid/{SOURCE_UID}/"]
    try:
        number = _number(session, url, timeout_s)
        if number is not None:
            ways.append(f"{url}api/datasources/proxy/{number}/")
        return [_try(session, way, attempt, timeout_s) for way in ways for attempt in attempts(database, org)]
    except niquests.exceptions.RequestException as error:
        raise OSError(str(error)) from None
    finally:
        session.close()


def _number(session: Any, url: str, timeout_s: float) -> int | None:
    """Return the data source's number as a stranger's page is told it, or None."""
    answer = session.get(f"{url}api/frontend/settings", timeout=timeout_s, allow_redirects=False)
    if answer.status_code != 200:
        return None
    try:
        sources = answer.json().get("datasources", {})
    except ValueError:
        return None
    return next((each.get("id") for each in sources.values() if each.get("uid") == SOURCE_UID), None)


def _try(session: Any, way: str, attempt: Attempt, timeout_s: float) -> Outcome:
    answer = session.request(
        attempt.method, way + attempt.path, data=attempt.body, timeout=timeout_s, allow_redirects=False
    )
    text = (answer.text or "")[:200].replace("\n", " ")
    went = 200 <= answer.status_code < 300 and '"error"' not in (answer.text or "")
    return Outcome(attempt, went, f"{answer.status_code} {text}".strip())
