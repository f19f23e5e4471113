"""What a running agent says of itself, asked over its status socket."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

from edge_agent.books import LOST
from edge_agent.status_socket import Place, SilentAgentError, ask

_ANSWER_S: Final = 5.0


def try_status(data: Path) -> dict[str, Any] | None:
    """Return the status of the agent on a data folder, or None while it does not answer."""
    try:
        answer = ask([Place(data)])
    except SilentAgentError:
        return None
    if answer is None:
        return None
    found: dict[str, Any] = json.loads(answer)
    return found


def try_report(data: Path) -> dict[str, Any] | None:
    """Return the report in it."""
    status = try_status(data)
    return None if status is None else status["report"]


def report(data: Path) -> dict[str, Any]:
    """Return the report of the agent on a data folder.

    Raises:
        SystemExit: It does not answer within five seconds.
    """
    end_s = time.monotonic() + _ANSWER_S
    while time.monotonic() < end_s:
        if (found := try_report(data)) is not None:
            return found
        time.sleep(0.05)
    raise SystemExit(f"the agent on {data} does not answer")


def dropped_but_killed(data: Path) -> int:
    """Return how many readings were dropped, but for those that went with an agent that was killed on purpose."""
    dropped: dict[str, int] = report(data)["readings"]["dropped"]
    return sum(count for reason, count in dropped.items() if reason != LOST)
