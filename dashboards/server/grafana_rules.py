"""What of a Grafana may pass to a screen that has no log-in: what reads, and nothing else. Pure.

A viewer without log-in could write to the store through Grafana's data source proxy; so a query passes only when it is
one InfluxQL statement that begins with SELECT or SHOW and has no INTO.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

MAX_BODY_BYTES: Final = 65_536
MAX_STATEMENT: Final = 8_000

_READS: Final = re.compile(
    r"(?:public/.+|robots\.txt|login|d/[\w-]+(?:/[\w-]*)?|d-solo/[\w-]+(?:/[\w-]*)?|api/dashboards/uid/[\w-]+"
    r"|api/search|api/annotations|api/health|api/frontend/settings|api/login/ping|api/user|api/org|api/plugins"
    r"|api/plugins/[\w-]+/settings|api/user/preferences|api/prometheus/grafana/api/v1/(?:rules|alerts)"
    r"|api/access-control/user/(?:permissions|actions)|api/library-elements|avatar/\w+|api/folders/[\w-]+)?"
)
_PROXY: Final = re.compile(r"api/datasources/proxy/(?:uid/\w+|\d+)/query")
_DS_QUERY: Final = "api/ds/query"
_WRITES: Final = re.compile(r";|\bINTO\b", re.IGNORECASE | re.ASCII)
"""Within quotes too: where a regular expression holds a quote, what is in quotes cannot be told from what is not."""
_BEGINS: Final = re.compile(r"\s*(?:SELECT|SHOW)\s", re.IGNORECASE | re.ASCII)


def reads_only(statement: str) -> bool:
    """Return whether an InfluxQL text is one statement that only reads."""
    return len(statement) <= MAX_STATEMENT and bool(_BEGINS.match(statement)) and not _WRITES.search(statement)


def may_get(path: str, query: Sequence[tuple[str, str]]) -> bool:
    """Return whether a GET of this path, below `/grafana/` and unescaped, with these parameters, may pass."""
    if ".." in path or "\\" in path or "//" in path or "\x00" in path:
        return False
    if _PROXY.fullmatch(path):
        asked = [value for name, value in query if name.lower() == "q"]
        others = {name for name, _ in query} - {"db", "q", "epoch", "rp", "chunked", "pretty"}
        return len(asked) == 1 and not others and reads_only(asked[0])
    return _READS.fullmatch(path) is not None


def may_post(path: str, body: bytes) -> bool:
    """Return whether a POST may pass: a query of InfluxQL that only reads, as JSON, and nothing else."""
    if path != _DS_QUERY or len(body) > MAX_BODY_BYTES:
        return False
    try:
        value: Any = json.loads(body)
        queries = value["queries"]
        return isinstance(queries, list) and 0 < len(queries) <= 50 and all(_is_influxql(each) for each in queries)
    except (ValueError, TypeError, LookupError, RecursionError):
        return False


def _is_influxql(query: Mapping[str, Any]) -> bool:
    source = query["datasource"]
    return (
        source.get("type") == "influxdb"
        and query.get("rawQuery") is True
        and isinstance(query.get("query"), str)
        and reads_only(query["query"])
    )
