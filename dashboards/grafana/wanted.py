"""What a Grafana should have: a folder, a data source, dashboards, alert rules; and what differs. Pure.

What is ours has a uid that begins with `siaga`. Nothing else of a Grafana is looked at.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Literal

from contract.inventory import Inventory
from contract.zone import DEFAULT_ZONE
from dashboards.boards import DASHBOARDS
from dashboards.grafana.alerts import FOLDER_UID, RULES, rule_json
from dashboards.grafana.board import LANGUAGES, board_json
from dashboards.grafana.named import with_names
from dashboards.grafana.question import SOURCE_UID
from store import StoreSettings

Kind = Literal["folder", "data source", "dashboard", "alert rule"]
Act = Literal["create", "update"]
SOURCE_NAME = "Siaga"


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing a Grafana should have. `secret`: it carries something that Grafana never gives back."""

    kind: Kind
    uid: str
    body: dict[str, Any]
    secret: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a push does to one thing; `keys` says where it differs."""

    act: Act
    thing: Thing
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f" ({', '.join(self.keys)})" if self.keys else ""
        return f"{self.act} {self.thing.kind} {self.thing.uid}{where}"


def wanted(
    store: StoreSettings,
    secret: str,
    *,
    folder: str,
    token: str,
    language: str = "id",
    inventory: Inventory | None = None,
    time_zone: str = DEFAULT_ZONE,
) -> list[Thing]:
    """Return everything in the order it is made in.

    Args:
        store: The store as Grafana's server reaches it.
        secret: The reader's password, or its token.
        folder: The folder's title.
        token: Grafana's token. The reader's secret is marked with it, so that a new secret is seen and none is told.
        language: The alert rules' language; dashboards come in both.
        inventory: Who is called what; without it boxes have the names of their accounts.
        time_zone: In which the dashboards tell times.
    """
    things = [
        Thing("folder", FOLDER_UID, {"uid": FOLDER_UID, "title": folder}),
        data_source(store, secret, token=token),
    ]
    for definition in DASHBOARDS.values():
        for each in LANGUAGES:
            body = board_json(definition, each, time_zone)
            if inventory is not None:
                body = with_names(body, definition, inventory, each)
            things.append(Thing("dashboard", body["uid"], body))
    things += [Thing("alert rule", rule.uid, rule_json(rule, language)) for rule in RULES]
    return things


def data_source(store: StoreSettings, secret: str, *, token: str) -> Thing:
    """Return the data source: InfluxQL with a user's password for 1.x, with a token in a header for 2.x."""
    mark = hmac.new(token.encode(), secret.encode(), hashlib.sha256).hexdigest()[:16]
    body: dict[str, Any] = {
        "uid": SOURCE_UID,
        "name": SOURCE_NAME,
        "type": "influxdb",
        "access": "proxy",
        "url": store.url.rstrip("/"),
        "database": store.database,
        "user": store.username or "",
        "basicAuth": False,
        "isDefault": False,
        "jsonData": {"httpMode": "GET", "dbName": store.database, "siagaMark": mark},
    }
    if store.kind == "influxdb2":
        body["jsonData"]["httpHeaderName1"] = "Authorization"
        return Thing("data source", SOURCE_UID, body, {"httpHeaderValue1": f"Token {secret}"})
    return Thing("data source", SOURCE_UID, body, {"password": secret})


def differs(thing: Thing, there: dict[str, Any]) -> tuple[str, ...]:
    """Return the keys of a thing that a Grafana has otherwise. What its server adds by itself is no difference."""
    if thing.kind == "dashboard":
        kept = {key: value for key, value in there.items() if key not in ("id", "version")}
        return tuple(sorted(key for key in {*thing.body, *kept} if thing.body.get(key) != kept.get(key)))
    return tuple(sorted(key for key, value in thing.body.items() if not _holds(value, there.get(key))))


def _holds(wanted: object, there: object) -> bool:
    """Whether what is there has all that is wanted; lists must be as long."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(_holds(value, there.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(there, list) and len(wanted) == len(there) and all(map(_holds, wanted, there))
    return wanted == there
