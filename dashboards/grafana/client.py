"""A Grafana over its HTTP API, by grafana-client. Whatever goes wrong is one sentence that says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import niquests
from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaException, GrafanaTimeoutError

from contract.errors import SiagaError
from dashboards.grafana.question import SOURCE_UID
from dashboards.grafana.wanted import Act, Kind

OLDEST: Final = (9, 3)
_MESSAGE = "siaga wall push"
_SHOWN = 200


class GrafanaError(SiagaError):
    """A Grafana cannot be used: says why, and what to do."""


class Client:
    """One Grafana.

    Args:
        url: Where it is, with its sub path, ending in `/`.
        token: A service account's.
        timeout_s: How long an answer may take.
    """

    def __init__(self, url: str, token: str, timeout_s: float) -> None:
        self.url = url
        self._api: Any = GrafanaApi.from_url(url, credential=token, timeout=timeout_s)
        self._api.client.s.max_redirects = 0

    def close(self) -> None:
        """Close its connections."""
        self._api.client.s.close()

    def version(self) -> str:
        """Return its version.

        Raises:
            GrafanaError: There is none, it is too old, or the token is not good for a push.
        """
        health = self._ask(lambda: self._api.client.GET("/health"))
        version = str(health.get("version", "")) if isinstance(health, dict) else ""
        found = re.match(r"(\d+)\.(\d+)", version)
        if found is None:
            raise GrafanaError(f"{self.url} is no Grafana: it tells no version; correct url, with its sub path")
        if (int(found[1]), int(found[2])) < OLDEST:
            raise GrafanaError(f"{self.url} is Grafana {version}; the walls need 9.3 or later: upgrade it")
        self._ask(lambda: self._api.datasource.list_datasources())
        return version

    def there(self, kind: Kind, uid: str) -> dict[str, Any] | None:
        """Return a thing as Grafana has it, or None."""
        if kind == "alert rule":
            return self._rule(uid)
        ask: dict[str, Callable[[], Any]] = {
            "folder": lambda: self._api.folder.get_folder(uid),
            "data source": lambda: self._api.datasource.get_datasource_by_uid(uid),
            "dashboard": lambda: self._api.dashboard.get_dashboard(uid),
        }
        found = self._ask(ask[kind], none_for=(404,))
        return found if isinstance(found, dict) else None

    def _rule(self, uid: str) -> dict[str, Any] | None:
        """A rule that is missing is 500 in 9.3, so all are listed; the first 9.3 cannot list, and says 404 to that."""
        rules = self._ask(self._api.alertingprovisioning.get_alertrules_all, none_for=(404,))
        if rules is not None:
            return next((rule for rule in rules if rule.get("uid") == uid), None)
        found = self._ask(lambda: self._api.alertingprovisioning.get_alertrule(uid), none_for=(404, 500))
        return found if isinstance(found, dict) else None

    def put(self, act: Act, kind: Kind, body: dict[str, Any], folder: str) -> None:
        """Make a thing, or make it so. `folder` is the uid of the folder for dashboards."""
        api, uid = self._api, body["uid"]
        if kind == "folder":
            title = body["title"]
            if act == "create":
                self._ask(lambda: api.folder.create_folder(title, uid))
            else:
                self._ask(lambda: api.folder.update_folder(uid, title, overwrite=True))
        elif kind == "data source":
            if act == "create":
                self._ask(lambda: api.datasource.create_datasource(body))
            else:
                self._ask(lambda: api.datasource.update_datasource_by_uid(uid, body))
        elif kind == "dashboard":
            # What is made anew never overwrites: under load 9.3 may say 404 of a dashboard that is there.
            overwrite = act == "update"
            sent = {"dashboard": body, "folderUid": folder, "overwrite": overwrite, "message": _MESSAGE}
            self._ask(lambda: api.dashboard.update_dashboard(sent))
        elif act == "create":
            self._ask(lambda: api.alertingprovisioning.create_alertrule(body))
        else:
            self._ask(lambda: api.alertingprovisioning.update_alertrule(uid, body))

    def proxied(self, influxql: str, database: str) -> dict[str, Any]:
        """Return the store's answer to a question by the data source's proxy, the way a panel in a browser asks.

        Not by `/ds/query`: 9.3 fails there over a column of words in which one is missing, and says of any other
        trouble only that its plugin failed.

        Raises:
            GrafanaError: Grafana or the store refused, in the store's words where there are any, with the status.
        """
        asked = {"db": database, "q": influxql, "epoch": "ms"}
        path = f"/datasources/proxy/uid/{SOURCE_UID}/query"
        answer: dict[str, Any] = self._ask(lambda: self._api.client.GET(path, params=asked), refused=_passed_on)
        return answer

    def _ask(
        self,
        call: Callable[[], Any],
        *,
        none_for: tuple[int, ...] = (),
        refused: Callable[[GrafanaException], str] | None = None,
    ) -> Any:
        try:
            answer = call()
        except GrafanaTimeoutError:
            raise GrafanaError(f"{self.url} does not answer in time; is it running, and is url right?") from None
        except GrafanaException as error:
            if error.status_code in none_for:
                return None
            raise GrafanaError((refused or self._refused)(error)) from None
        except niquests.exceptions.TooManyRedirects:
            raise GrafanaError(_page(self.url)) from None
        except niquests.exceptions.JSONDecodeError:
            raise GrafanaError(_page(self.url)) from None
        except niquests.exceptions.RequestException:
            raise GrafanaError(f"{self.url} cannot be reached; is Grafana running, and is url right?") from None
        if isinstance(answer, str):
            raise GrafanaError(_page(self.url))
        return answer

    def _refused(self, error: GrafanaException) -> str:
        status = error.status_code
        if status == 401:
            return f"{self.url} refuses the token (401); make a new one for a service account and put it in token_file"
        if status == 403:
            return f"{self.url} says the token may not (403); give its service account the role Admin"
        if status == 404:
            return f"{self.url} has no API there (404); correct url, with its sub path such as /grafana/"
        if status == 412:
            return f"{self.url} says it is there already (412), though it was not a moment ago; try again"
        detail = " ".join(str(error).split())[:_SHOWN]
        return f"{self.url} refused: {detail}"


def _passed_on(error: GrafanaException) -> str:
    """Return what the store said when Grafana passes it on, with the status."""
    said = error.response
    if isinstance(said, dict):
        said = said.get("error") or said.get("message")
    text = " ".join(str(said or "").split())[:_SHOWN]
    return f"{text} ({error.status_code})".strip()


def _page(url: str) -> str:
    return (
        f"{url} answers with a page or sends elsewhere, so a log-in stands before it, or url is not its root_url;"
        " give the address at which its API answers"
    )
