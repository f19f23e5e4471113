"""Asks the duty desk what its page would show, and does what its page would do."""

from __future__ import annotations

import http.client
import json
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from siaga.demo.state import DemoError

_TIMEOUT_S: Final = 5.0
_OFFICER: Final = {"officer": "Demo", "screen": "demo"}


class DeskClient:
    """A connection to a desk; `with` closes it.

    Args:
        page: The page's address, such as `http://127.0.0.1:8080/`.
    """

    def __init__(self, page: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(page).netloc, timeout=_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._connection.close()

    def incidents(self) -> list[dict[str, Any]]:
        """Return the incidents as the page shows them, open ones first.

        Raises:
            DemoError: The desk does not answer or refuses.
        """
        incidents: list[dict[str, Any]] = self._ask("GET", "/api/state", None)["incidents"]
        return incidents

    def accept(self, incident_id: str) -> None:
        """Accept an incident.

        Raises:
            DemoError: The desk does not answer or refuses.
        """
        self._ask("POST", f"/api/incidents/{incident_id}/accept", _OFFICER)

    def close(self, incident_id: str) -> None:
        """Close an accepted incident.

        Raises:
            DemoError: The desk does not answer or refuses.
        """
        self._ask("POST", f"/api/incidents/{incident_id}/close", _OFFICER)

    def _ask(self, method: str, path: str, body: dict[str, str] | None) -> dict[str, Any]:
        sent = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, sent, {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise DemoError(f"the desk does not answer {method} {path}: {error}") from None
        if response.status != http.HTTPStatus.OK:
            raise DemoError(
                f"the desk refused {method} {path}: {response.status} {text[:200].decode(errors='replace')}"
            )
        answer: dict[str, Any] = json.loads(text)
        return answer
