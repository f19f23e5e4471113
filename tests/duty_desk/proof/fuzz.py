"""`make fuzz-desk`: whatever the OpenAPI allows, and what it just does not, asked of a running desk.

The claim for each answer: it is none of the 500s, its status and body are described, and an error is our JSON with a
code. Requests are drawn from a seed, so that a run can be had again.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckContext, CheckFunction, not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from siaga.stack.mosquitto import Mosquitto
from siaga.stack.trust import Trust
from tests.duty_desk.conftest import NAMES, Desk, session_headers

_CODE = re.compile(r"[a-z_]{3,40}\Z")
_TIMEOUT_S = 10.0
APART = frozenset({"/api/events", "/api/session"})
"""Not asked for here: a stream that never ends, and logging in and out, which would end the session that asks."""


def stable_error(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Check that an error is JSON with a code, a text and nothing unknown."""
    if response.status_code < 400:
        return
    body = json.loads(response.content)
    if not isinstance(body, dict) or not {"code", "text"} <= body.keys() <= {"code", "text", "officer"}:
        raise AssertionError(f"{case.method} {case.path}: no error of ours: {body}")
    if not _CODE.match(body["code"]) or not body["text"]:
        raise AssertionError(f"{case.method} {case.path}: no code and text: {body}")


CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    stable_error,
]


class Asker:
    """Asks a desk; each request is asked by each visitor in turn.

    Args:
        url: The desk.
        visitors: Who asks, as the headers they send; the first also reads the description.
        incidents: Ids of incidents that exist; half of the requests that name an incident name one of these.
    """

    def __init__(self, url: str, visitors: Mapping[str, dict[str, str]], incidents: Sequence[str]) -> None:
        self._url = url
        self._visitors = visitors
        self._incidents = incidents
        self._session = requests.Session()
        self._session.trust_env = False
        self.faults: dict[str, str] = {}
        self.told: Counter[tuple[str, str, int]] = Counter()
        """How often by visitor, operation and status."""

    def ask_all(self, examples: int, from_seed: int) -> None:
        """Ask everything the schema knows, `examples` times each as allowed, and as often as not allowed."""
        where = f"{self._url}/api/openapi.json"
        first = next(iter(self._visitors.values()))
        schema = schemathesis.openapi.from_url(where, headers=first, timeout=_TIMEOUT_S)
        for found in schema.get_all_operations():
            assert isinstance(found, Ok), found
            operation = found.ok()
            if operation.path in APART:
                continue
            for mode in GenerationMode:
                self._ask(operation.as_strategy(mode), examples, from_seed)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _judge(self, who: str, case: Case[Any], answer: Response) -> None:
        """Note what is wrong with an answer; the first request of each kind stands for all of them."""
        try:
            case.validate_response(answer, checks=CHECKS)
        except (FailureGroup, AssertionError, ValueError) as error:
            found = error.exceptions if isinstance(error, FailureGroup) else [error]
            for one in found:
                what = f"{who}: {case.method} {case.path} {answer.status_code}: {type(one).__name__}"
                self.faults.setdefault(what, f"{one}\n{case.as_curl_command()}\n{answer.text[:500]}")

    def _ask(self, cases: SearchStrategy[Case[Any]], examples: int, from_seed: int) -> None:
        numbers = itertools.count()

        @seed(from_seed)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(cases)
        def ask_one(case: Case[Any]) -> None:
            number = next(numbers)
            if self._incidents and number % 2 and "incident_id" in case.path_parameters:
                case.path_parameters["incident_id"] = self._incidents[number // 2 % len(self._incidents)]
            for who, headers in self._visitors.items():
                answer = case.call(base_url=self._url, session=self._session, headers=headers, timeout=_TIMEOUT_S)
                self.told[who, f"{case.method} {case.path}", answer.status_code] += 1
                self._judge(who, case, answer)

        # There is nothing wrong to say to what takes no parameters.
        with contextlib.suppress(Unsatisfiable):
            ask_one()


def ask(desk: Desk, incidents: Sequence[str], *, examples: int, from_seed: int) -> Asker:
    """Ask a desk everything in the session of each role, and return what came of it."""
    visitors: dict[str, dict[str, str]] = {
        role: {name.replace("_", "-"): value for name, value in session_headers(who).items()}
        for role, (who, _) in NAMES.items()
    }
    with closing(Asker(desk.url, visitors, incidents)) as asker:
        asker.ask_all(examples, from_seed)
    return asker


def some_incidents(desk: Desk) -> list[str]:
    """Make incidents in several states, and return their ids."""
    made: list[str] = []
    for verbs in ((), ("accept",), ("accept", "depart"), ("accept", "resolve"), ("accept", "close")):
        body = {"key": str(uuid.uuid4()), "category": "crime", "address": "Jl. Braga 10"}
        status, answer = desk.post("/api/incidents", body)
        assert status == 200, answer
        made.append(answer["incident"]["id"])
        for verb in verbs:
            assert desk.post(f"/api/incidents/{made[-1]}/{verb}", {})[0] == 200
    return made


def main(seconds: float, from_seed: int) -> int:
    """Ask as each role in turn, with a further seed each round, until the time is over; return the exit status."""
    told: Counter[tuple[str, str, int]] = Counter()
    faults: dict[str, str] = {}
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="siaga-") as name, ExitStack() as stack:
        folder = Path(name)
        trust = Trust(folder / "authority")
        brokers = Mosquitto(folder, "a", trust, "alarm"), Mosquitto(folder, "b", trust, "telemetry")
        desk = Desk(folder, *brokers)
        for process in brokers:
            process.start()
            stack.callback(process.stop)
        desk.start()
        stack.callback(desk.process.stop)
        incidents = some_incidents(desk)
        for round_seed in itertools.count(from_seed):
            asker = ask(desk, incidents, examples=50, from_seed=round_seed)
            told.update(asker.told)
            faults = {**asker.faults, **faults}
            print(f"seed {round_seed}: {told.total()} requests, {len(faults)} kinds of faults", flush=True)
            if time.monotonic() > ends:
                break
    for (role, operation, status), count in sorted(told.items()):
        print(f"{role}: {operation}: {status} {count} times")
    for what, text in faults.items():
        print(f"--- {what}\n{text}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2])))
