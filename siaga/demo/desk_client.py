"""Asks the duty desk what its page would show, and does what its page would do."""

from __future__ import annotations

import http.client
import json
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from siaga.demo.accounts import OFFICER, DemoAccounts
from siaga.demo.state import DemoError

_TIMEOUT_S: Final = 5.0
_SCREEN: Final = "Demo"


class DeskClient:
    """Asks a desk; `with` logs out at the end, if it had logged in.

    It reads by the demo's token. It logs in as an officer when it does something for the first time.

    Args:
        page: The page's address, such as `http://127.0.0.1:8080/`.
        accounts: The demo's password and token.
    """

    def __init__(self, page: str, accounts: DemoAccounts) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(page).netloc, timeout=_TIMEOUT_S)
        self._accounts = accounts
        self._session: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        if self._session and error is None:
            self._ask("DELETE", "/api/session", None, self._session)
        self._connection.close()

    def incidents(self) -> list[dict[str, Any]]:
        """Return the incidents as the page shows them, open ones first.

        Raises:
            DemoError: The desk does not answer or refuses.
        """
        reader = {"Authorization": f"Bearer {self._accounts.token}"}
        incidents: list[dict[str, Any]] = self._ask("GET", "/api/state", None, reader)["incidents"]
        return incidents

    def accept(self, incident_id: str) -> None:
        """Accept an incident.

        Raises:
            DemoError: The desk does not answer or refuses.
        """
        self._act(f"/api/incidents/{incident_id}/accept")

    def close(self, incident_id: str) -> None:
        """Close an accepted incident.

        Raises:
            DemoError: The desk does not answer or refuses.
        """
        self._act(f"/api/incidents/{incident_id}/close")

    def log_in(self) -> str:
        """Log in as an officer, once; return the session's cookie, `name=value`, as a browser sends it.

        Raises:
            DemoError: The desk does not answer or refuses.
        """
        if not self._session:
            body = {"name": OFFICER, "password": self._accounts.password}
            told = self._ask("POST", "/api/session", body, {})
            self._session = {
                "Cookie": told["cookie"],
                "X-Siaga-Csrf": told["csrf"],
                "X-Siaga-Screen": _SCREEN,
            }
        return self._session["Cookie"]

    def _act(self, path: str) -> None:
        self.log_in()
        self._ask("POST", path, {}, self._session)

    def _ask(self, method: str, path: str, body: dict[str, str] | None, headers: dict[str, str]) -> dict[str, Any]:
        sent = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, sent, {"Content-Type": "application/json", **headers})
            response = self._connection.getresponse()
            text = response.read()
            # The next request opens another: the desk ends a connection that was idle for long, perhaps just then.
            self._connection.close()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise DemoError(f"the desk does not answer {method} {path}: {error}") from None
        if response.status not in (http.HTTPStatus.OK, http.HTTPStatus.NO_CONTENT):
            raise DemoError(
                f"the desk refused {method} {path}: {response.status} {text[:200].decode(errors='replace')}"
            )
        answer: dict[str, Any] = json.loads(text or b"{}")
        return {**answer, "cookie": (response.getheader("Set-Cookie") or "").partition(";")[0]}
