"""What of a Grafana may pass to a screen that has no log-in: what a wall's dashboard asks, and nothing else. Pure.

A viewer without log-in could write to the store through Grafana's data source proxy, or ask it for everything at once.
So a query passes only when each of its statements is one of our dashboards' own, with no more than the choices, the
range and the step in it that Grafana fills in. Grafana joins the questions of one panel by semicolons; they have none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

MAX_BODY_BYTES: Final = 65_536
MAX_TEXT: Final = 16_000
MAX_STATEMENTS: Final = 26
MAX_POINTS: Final = 10_000
"""Groups of one answer: more than a screen has dots."""

_READS: Final = re.compile(
    r"(?:public/.+|robots\.txt|login|d/[\w-]+(?:/[\w-]*)?|d-solo/[\w-]+(?:/[\w-]*)?|api/dashboards/uid/[\w-]+"
    r"|api/search|api/annotations|api/health|api/frontend/settings|api/login/ping|api/user|api/org|api/plugins"
    r"|api/plugins/[\w-]+/settings|api/user/preferences|api/prometheus/grafana/api/v1/(?:rules|alerts)"
    r"|api/access-control/user/(?:permissions|actions)|api/library-elements|avatar/\w+|api/folders/[\w-]+)?"
)
_PROXY: Final = re.compile(r"api/datasources/proxy/(?:uid/\w+|\d+)/query")
_DS_QUERY: Final = "api/ds/query"

_MOMENT: Final = r"(?:now\(\)(?: - \d{1,7}[smhdw])?|\d{1,16}ms)"
_FILLED: Final = {
    "$timeFilter": rf"(?:\$timeFilter|time >= {_MOMENT}(?: and time <= {_MOMENT})?)",
    "$__interval": r"(?:\$__interval|\d{1,7}(?:ms|s|m|h|d|w))",
    "${policy}": r"\w{1,63}",
    "${device:raw}": r"[\w.-]{0,63}",
    "${sensor:raw}": r"[\w.-]{0,63}",
}
_PLACES: Final = re.compile("|".join(re.escape(place) for place in _FILLED))
_FROM_TO: Final = re.compile(rf"time >= ({_MOMENT})(?: and time <= ({_MOMENT}))?")
_STEP: Final = re.compile(r"GROUP BY time\((\d+)(ms|s|m|h|d|w)\)")
_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}


class Rules:
    """The questions that may pass.

    Args:
        questions: As they stand in the dashboards, with Grafana's placeholders.
    """

    def __init__(self, questions: Iterable[str]) -> None:
        self._known = tuple(_pattern(text) for text in sorted(set(questions)) if ";" not in text)

    def may_ask(self, text: str, now_ms: int) -> bool:
        """Return whether each statement of an InfluxQL text is a dashboard's own, and asks for no more than fits."""
        statements = text.split(";")
        if len(text) > MAX_TEXT or len(statements) > MAX_STATEMENTS:
            return False
        return all(self._is_known(one) and _points(one, now_ms) <= MAX_POINTS for one in statements)

    def may_get(self, path: str, query: Sequence[tuple[str, str]], now_ms: int) -> bool:
        """Return whether a GET of this path, below `/grafana/` and unescaped, with these parameters, may pass."""
        # What is escaped twice means something else to whoever unescapes it once more.
        if ".." in path or any(one in path for one in ("\\", "//", "\x00", "%")):
            return False
        if _PROXY.fullmatch(path):
            asked = [value for name, value in query if name.lower() == "q"]
            others = {name for name, _ in query} - {"db", "q", "epoch", "rp", "chunked", "pretty"}
            return len(asked) == 1 and not others and self.may_ask(asked[0], now_ms)
        return _READS.fullmatch(path) is not None

    def may_post(self, path: str, body: bytes, now_ms: int) -> bool:
        """Return whether a POST may pass: questions of our dashboards, as JSON, and nothing else."""
        if path != _DS_QUERY or len(body) > MAX_BODY_BYTES:
            return False
        try:
            value: Any = json.loads(body)
            queries = value["queries"]
            if not isinstance(queries, list) or not 0 < len(queries) <= MAX_STATEMENTS:
                return False
            return all(self._may_be_posted(each, now_ms) for each in queries)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return False

    def _may_be_posted(self, query: Mapping[str, Any], now_ms: int) -> bool:
        points = query.get("maxDataPoints", 0)
        return (
            query["datasource"].get("type") == "influxdb"
            and query.get("rawQuery") is True
            and isinstance(points, int)
            and points <= MAX_POINTS
            and isinstance(query.get("query"), str)
            and self.may_ask(query["query"], now_ms)
        )

    def _is_known(self, statement: str) -> bool:
        return any(known.fullmatch(statement) for known in self._known)


def questions_of(dashboard: Any) -> Iterator[str]:
    """Yield the queries in a dashboard of Grafana: of its panels and of its variables."""
    if isinstance(dashboard, Mapping):
        for name, value in dashboard.items():
            if name == "query" and isinstance(value, str) and value.startswith(("SELECT ", "SHOW ")):
                yield value
            else:
                yield from questions_of(value)
    elif isinstance(dashboard, list):
        for each in dashboard:
            yield from questions_of(each)


def _pattern(text: str) -> re.Pattern[str]:
    parts, at = [], 0
    for place in _PLACES.finditer(text):
        parts += [re.escape(text[at : place.start()]), _FILLED[place.group()]]
        at = place.end()
    return re.compile("".join([*parts, re.escape(text[at:])]), re.ASCII)


def _points(statement: str, now_ms: int) -> float:
    """Return how many groups a statement asks for, as far as it says. The last step is Grafana's, others are ours."""
    steps, bounds = _STEP.findall(statement), _FROM_TO.search(statement)
    if not steps or bounds is None:
        return 0
    step_s = int(steps[-1][0]) * _UNITS_S[steps[-1][1]]
    begin_s, end_s = (_moment_s(each or "now()", now_ms) for each in bounds.groups())
    return (end_s - begin_s) / step_s if step_s > 0 else float("inf")


def _moment_s(text: str, now_ms: int) -> float:
    if not text.startswith("now()"):
        return int(text.removesuffix("ms")) / 1_000
    back = text.partition(" - ")[2]
    return now_ms / 1_000 - (int(back[:-1]) * _UNITS_S[back[-1]] if back else 0)
