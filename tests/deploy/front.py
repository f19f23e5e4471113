"""The duty desk as an officer's browser reaches it: by https, through the centre's front, from inside the network."""

from __future__ import annotations

import http.client
import json
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self

from tests.deploy.city import ADDRESSES, CENTRE
from tests.deploy.errors import DeployError
from tests.deploy.network import inside

_TIMEOUT_S: Final = 10.0


class Front:
    """One officer's session; `with` ends it.

    Args:
        certificate: The front's certificate, which is trusted and nothing else.
        password: The password of the accounts.
    """

    def __init__(self, certificate: Path, password: str) -> None:
        self._context = ssl.create_default_context(cafile=str(certificate))
        self._password = password
        self._headers: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._headers:
            self.ask("DELETE", "/api/session")

    def log_in(self, name: str) -> None:
        """Log in.

        Raises:
            DeployError: The desk does not answer or refuses.
        """
        told = self.ask("POST", "/api/session", {"name": name, "password": self._password})
        self._headers = {"Cookie": told["cookie"], "X-Siaga-Csrf": told["csrf"], "X-Siaga-Screen": "Deploy"}

    def incident(self, device: str, button: str) -> dict[str, Any] | None:
        """Return the incident of a button that is not over, None while there is none."""
        for incident in self.ask("GET", "/api/state")["incidents"]:
            over = incident["state"] in ("closed", "cancelled")
            if (incident["device"], incident["button"]) == (device, button) and not over:
                return dict(incident)
        return None

    def act(self, incident_id: str, what: str) -> None:
        """Accept or close an incident.

        Raises:
            DeployError: The desk refuses.
        """
        self.ask("POST", f"/api/incidents/{incident_id}/{what}", {})

    def ask(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask the desk.

        Raises:
            DeployError: It does not answer or refuses.
        """
        try:
            status, text, cookie = inside(lambda: self._ask(method, path, body))
        except (OSError, http.client.HTTPException) as error:
            raise DeployError(f"the front does not answer {method} {path}: {error}") from None
        if status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
            raise DeployError(f"the desk refused {method} {path}: {status} {text[:200].decode(errors='replace')}")
        answer: dict[str, Any] = json.loads(text or b"{}")
        return {**answer, "cookie": cookie} if cookie else answer

    def _ask(self, method: str, path: str, body: dict[str, str] | None) -> tuple[int, bytes, str]:
        connection = http.client.HTTPSConnection(ADDRESSES[CENTRE], 443, timeout=_TIMEOUT_S, context=self._context)
        try:
            headers = {"Content-Type": "application/json", "Origin": f"https://{ADDRESSES[CENTRE]}", **self._headers}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            cookie = (response.getheader("Set-Cookie") or "").partition(";")[0]
            return response.status, response.read(), cookie
        finally:
            connection.close()


def wall(path: str) -> dict[str, Any]:
    """Ask the wall server, as a screen does: by http, from inside the network.

    Raises:
        DeployError: It does not answer.
    """

    def ask() -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(ADDRESSES[CENTRE], 80, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    try:
        status, text = inside(ask)
    except (OSError, http.client.HTTPException) as error:
        raise DeployError(f"the wall server does not answer {path}: {error}") from None
    if status != HTTPStatus.OK:
        raise DeployError(f"the wall server refused {path}: {status} {text[:200].decode(errors='replace')}")
    return dict(json.loads(text))
