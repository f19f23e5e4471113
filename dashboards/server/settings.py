"""The wall server's configuration file, checked before anything is opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from contract.errors import ConfigError
from contract.identity import Name
from contract.inventory import Inventory, parse_inventory
from contract.settings import Settings, fault_at, load_toml
from contract.topics import Lane
from dashboards.plan import Plan, load_plan
from dashboards.traffic import Streets, load_streets
from link import BrokerSettings, Endpoint
from link.settings import broker_examples
from store import Account, StoreSettings
from store.config import EXAMPLES as STORE_EXAMPLES

MAX_STREETS_BYTES = 8_000_000
"""A street file is at most this large: a screen loads it whole."""
MIN_TOKEN = 24
"""An admin's token has at least so many characters."""

Host = Annotated[str, Field(min_length=1, max_length=253)]


class HttpSettings(Settings):
    """Where the screens find it. `names` are further host names by which browsers may ask for it."""

    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 8090
    names: list[Host] = Field(default_factory=list)


class GrafanaSettings(Settings):
    """The Grafana that screens of source `grafana` show; it serves from the sub path `/grafana/`."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+/grafana/?$")]


class TrafficSettings(StoreSettings):
    """The store as an account that may write: the speed by street is written back as `street_speed`."""


class ServerSettings(Settings):
    """wall-server.toml. Paths are relative to its folder. Without the brokers no incident takes a screen over."""

    plan: str
    inventory: str
    store: StoreSettings
    name: Name = "wall"
    streets: str | None = None
    streets_attribution: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Whose map it is, as its licence wants it shown; without it what the file's own `attribution` says."""
    http: HttpSettings = HttpSettings()
    grafana: GrafanaSettings | None = None
    alarm_broker: BrokerSettings | None = None
    telemetry_broker: BrokerSettings | None = None
    admin_token_file: str | None = None
    traffic: TrafficSettings | None = None

    @model_validator(mode="after")
    def _traffic_needs_streets(self) -> Self:
        if self.traffic is not None and self.streets is None:
            raise fault_at(("streets",), "is missing: [traffic] tells the speed of each of its streets")
        return self


@dataclass(frozen=True, slots=True)
class Server:
    """Everything the wall server needs to know before it opens anything. `streets` is GeoJSON, None without.

    `traffic`: the store as one that may write, and the streets whose speed is told; None: that is not done here.
    """

    settings: ServerSettings
    plan: Plan
    inventory: Inventory
    account: Account | None
    brokers: Mapping[Lane, Endpoint]
    streets: bytes | None
    attribution: str | None
    admin_token: str | None
    traffic: tuple[StoreSettings, Account | None, Streets] | None = None


_EXAMPLES = {
    "plan": 'plan = "wall.toml"',
    "inventory": 'inventory = "inventory.toml"',
    "store": '[store] url = "http://127.0.0.1:8086" database = "siaga" username = "reader" password_file = "…"',
    **{f"store.{key}": example for key, example in STORE_EXAMPLES.items()},
    "name": 'name = "wall"',
    "streets": 'streets = "streets.geojson"',
    "streets_attribution": 'streets_attribution = "© OpenStreetMap contributors"',
    "http": '[http] host = "127.0.0.1" port = 8090',
    "grafana": '[grafana] url = "http://127.0.0.1:3000/grafana/"',
    **broker_examples("alarm_broker"),
    **broker_examples("telemetry_broker"),
    "admin_token_file": 'admin_token_file = "admin.token"',
    "traffic": '[traffic] url = "http://127.0.0.1:8086" database = "siaga" username = "traffic" password_file = "…"',
    **{f"traffic.{key}": example for key, example in STORE_EXAMPLES.items()},
}


def load_server(file: Path) -> Server:
    """Return the wall server's configuration, with the files it names read and checked.

    Raises:
        ConfigError: It names file, line, key, what was expected and an example.
    """
    settings = load_toml(_read(file, ""), ServerSettings, source=str(file), examples=_EXAMPLES)
    folder = file.parent
    inventory_file = folder / settings.inventory
    inventory = parse_inventory(_read(inventory_file, f"{file}: inventory"), source=str(inventory_file))
    plan = load_plan(folder / settings.plan)
    unknown = plan.unknown_names(inventory)
    if unknown:
        raise ConfigError(str(folder / settings.plan), "", unknown[0], example='device = "box-1"')
    brokers: dict[Lane, Endpoint] = {}
    tables: tuple[tuple[Lane, BrokerSettings | None], ...] = (
        ("alarm", settings.alarm_broker),
        ("telemetry", settings.telemetry_broker),
    )
    for lane, broker in tables:
        if broker is not None:
            brokers[lane] = broker.endpoint(source=str(file), table=f"{lane}_broker", base=folder)
    streets, attribution = (None, None) if settings.streets is None else _read_streets(folder / settings.streets)
    return Server(
        settings=settings,
        plan=plan,
        inventory=inventory,
        account=settings.store.account(file),
        brokers=brokers,
        streets=streets,
        attribution=settings.streets_attribution or attribution,
        admin_token=None if settings.admin_token_file is None else _read_token(folder / settings.admin_token_file),
        traffic=None
        if settings.traffic is None or streets is None
        else (
            settings.traffic,
            settings.traffic.account(file, table="traffic"),
            load_streets(streets.decode(), source=str(settings.streets)),
        ),
    )


def _read(file: Path, named_by: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        example = _EXAMPLES["inventory"] if named_by else ""
        raise ConfigError(str(file), named_by, f"expected a readable file: {reason}", example=example) from None


def _read_token(file: Path) -> str:
    token = _read(file, "admin_token_file").strip()
    if len(token) < MIN_TOKEN or not token.isascii():
        expected = f"expected a token of {MIN_TOKEN} or more ASCII characters"
        raise ConfigError(str(file), "", expected, example="openssl rand -hex 24 > admin.token")
    if file.stat().st_mode & 0o077:
        raise ConfigError(str(file), "", "others may read it", example=f"chmod 600 {file.name}")
    return token


def _read_streets(file: Path) -> tuple[bytes, str | None]:
    """Return the streets, and whose they are if the file says so."""
    text = _read(file, "streets")
    if len(text) > MAX_STREETS_BYTES:
        raise ConfigError(str(file), "", f"expected at most {MAX_STREETS_BYTES} characters of GeoJSON")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigError(str(file), "", f"not JSON: {error}", example='{"type": "FeatureCollection", …}') from None
    if not isinstance(value, dict) or value.get("type") != "FeatureCollection":
        raise ConfigError(str(file), "type", "expected a GeoJSON FeatureCollection", example='"FeatureCollection"')
    attribution = value.get("attribution")
    return text.encode(), attribution[:200] if isinstance(attribution, str) and attribution else None
