"""The desk's configuration file, checked before anything is opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from contract.errors import ConfigError
from contract.identity import Name
from contract.inventory import Inventory, parse_inventory
from contract.settings import Settings, load_toml
from contract.topics import Lane
from duty_desk.cap_settings import EXAMPLES as CAP_EXAMPLES
from duty_desk.cap_settings import CapSettings
from duty_desk.channels_settings import EXAMPLES as CHANNELS_EXAMPLES
from duty_desk.channels_settings import ChannelsSettings
from duty_desk.command_key import NO_KEY, CommandKey, read_command_key
from duty_desk.duty.settings import EXAMPLES as DUTY_EXAMPLES
from duty_desk.duty.settings import DutySettings
from duty_desk.escalation_settings import EXAMPLES as ESCALATION_EXAMPLES
from duty_desk.escalation_settings import EscalationSettings
from duty_desk.incidents.policies import OTHERS
from duty_desk.ledger.place import Place
from duty_desk.ledger_settings import EXAMPLES as LEDGER_EXAMPLES
from duty_desk.ledger_settings import ledger_place
from duty_desk.pair.settings import EXAMPLES as PAIR_EXAMPLES
from duty_desk.pair.settings import PairSettings, check_pair
from duty_desk.synthetic.settings import EXAMPLES as SYNTHETIC_EXAMPLES
from duty_desk.synthetic.settings import SyntheticSettings
from link import BrokerSettings, Endpoint
from link.settings import broker_examples
from store import Account, StoreSettings
from store.config import EXAMPLES as STORE_EXAMPLES

MAX_STREETS_BYTES = 8_000_000
"""A street file is at most this large: the page loads it whole."""

Port = Annotated[int, Field(ge=1, le=65_535)]
Host = Annotated[str, Field(min_length=1, max_length=253)]


class HttpSettings(Settings):
    """Where the page is served. `names` are further host names by which browsers may ask for it.

    `https` says that browsers reach it through a front that speaks TLS on this machine, and in no other way.
    """

    host: Host = "127.0.0.1"
    port: Port = 8080
    names: list[Host] = Field(default_factory=list)
    https: bool = False


class AccessSettings(Settings):
    """How long a log-in lasts: hours without use, and days at most."""

    session_idle_h: Annotated[float, Field(ge=0.1, le=168)] = 14
    session_days: Annotated[float, Field(ge=0.1, le=31)] = 7


class TargetSettings(Settings):
    """How soon an incident should be accepted and resolved once the desk has it, and departed to once accepted."""

    accept_s: Annotated[float, Field(gt=0, le=86_400)] = 15
    depart_s: Annotated[float, Field(gt=0, le=86_400)] = 120
    resolve_s: Annotated[float, Field(gt=0, le=604_800)] = 1_800


class DeskSettings(Settings):
    """desk.toml. Paths are relative to its folder."""

    data_dir: str
    inventory: str
    alarm_broker: BrokerSettings
    telemetry_broker: BrokerSettings
    ledger: str | None = None
    ledger_password_file: str | None = None
    pair: PairSettings | None = None
    name: Name = "desk"
    language: Literal["id", "en"] = "id"
    photos: str | None = None
    streets: str | None = None
    command_key: str | None = None
    http: HttpSettings = HttpSettings()
    store: StoreSettings | None = None
    access: AccessSettings = AccessSettings()
    bells: Annotated[list[Name], Field(max_length=16)] = Field(default_factory=list)
    escalation: EscalationSettings = Field(default_factory=EscalationSettings)
    targets: TargetSettings = TargetSettings()
    cap: CapSettings | None = None
    channels: ChannelsSettings = Field(default_factory=ChannelsSettings)
    duty: DutySettings = DutySettings()
    synthetic: SyntheticSettings = SyntheticSettings()


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything the desk needs to know before it opens anything. `streets` is GeoJSON or None.

    `map` is the folder of the imported base map, `store_account` who we are to the store.
    """

    settings: DeskSettings
    brokers: Mapping[Lane, Endpoint]
    ledger: Place
    synthetic: Path
    accounts: Path
    contacts: Path
    push_key: Path
    roster: Path
    inventory: Inventory
    photos: Path
    streets: bytes | None
    map: Path
    store_account: Account | None
    command_key: CommandKey = NO_KEY

    @property
    def name(self) -> str:
        """Its name in heartbeats and the ledger."""
        return self.settings.name if self.settings.pair is None else self.settings.pair.name

    @property
    def data(self) -> Path:
        """The folder of what the desk keeps on this machine."""
        return self.accounts.parent


_EXAMPLES = {
    "data_dir": 'data_dir = "/var/lib/siaga/desk"',
    "inventory": 'inventory = "inventory.toml"',
    **broker_examples("alarm_broker"),
    **broker_examples("telemetry_broker"),
    **LEDGER_EXAMPLES,
    **PAIR_EXAMPLES,
    "name": 'name = "desk"',
    "language": 'language = "id"',
    "photos": 'photos = "photos"',
    "streets": 'streets = "streets.geojson"',
    "command_key": 'command_key = "desk.key"',
    "bells": 'bells = ["bell"]',
    "http": '[http] host = "127.0.0.1" port = 8080',
    "store": '[store] url = "http://127.0.0.1:8086" database = "siaga"',
    **{f"store.{key}": example for key, example in STORE_EXAMPLES.items()},
    **ESCALATION_EXAMPLES,
    **CAP_EXAMPLES,
    **CHANNELS_EXAMPLES,
    **DUTY_EXAMPLES,
    **SYNTHETIC_EXAMPLES,
    "targets": "[targets] accept_s = 15 depart_s = 120 resolve_s = 1800",
    "access": "[access] session_idle_h = 14 session_days = 7",
}


def load_desk(file: Path) -> Desk:
    """Return the desk's configuration, with the files it names read and checked.

    Raises:
        ConfigError: It names file, line, key, what was expected and an example.
    """
    settings = load_toml(_read(file, ""), DeskSettings, source=str(file), examples=_EXAMPLES)
    folder = file.parent
    inventory = folder / settings.inventory
    photos = inventory.parent / "photos" if settings.photos is None else folder / settings.photos
    known = parse_inventory(_read(inventory, f"{file}: inventory"), source=str(inventory))
    _check_sirens(file, settings, known)
    _check_channels(file, settings)
    ledger = ledger_place(
        str(file),
        settings.ledger,
        None if settings.ledger_password_file is None else folder / settings.ledger_password_file,
        folder / settings.data_dir / "ledger.db",
    )
    check_pair(str(file), settings.pair, ledger)
    return Desk(
        settings=settings,
        brokers={
            "alarm": settings.alarm_broker.endpoint(source=str(file), table="alarm_broker", base=folder),
            "telemetry": settings.telemetry_broker.endpoint(source=str(file), table="telemetry_broker", base=folder),
        },
        ledger=ledger,
        synthetic=folder / settings.data_dir / "synthetic.db",
        accounts=folder / settings.data_dir / "accounts.db",
        contacts=folder / settings.data_dir / "contacts.db",
        push_key=folder / settings.data_dir / "push.pem",
        roster=folder / settings.data_dir / "roster.csv",
        inventory=known,
        photos=photos,
        streets=None if settings.streets is None else _read_streets(folder / settings.streets),
        map=folder / settings.data_dir / "map",
        store_account=None if settings.store is None else settings.store.account(file),
        command_key=read_command_key(
            None if settings.command_key is None else folder / settings.command_key,
            sirens=bool(settings.escalation.sirens or settings.escalation.beacons),
        ),
    )


def _check_sirens(file: Path, settings: DeskSettings, inventory: Inventory) -> None:
    devices = {device.name for device in inventory.devices}
    for key, names in (("sirens", settings.escalation.sirens), ("beacons", settings.escalation.beacons)):
        for name in names:
            if name not in devices:
                expected = f"{name!r} is no device of {settings.inventory}"
                raise ConfigError(str(file), f"escalation.{key}", expected, example=_EXAMPLES[f"escalation.{key}"])


def _check_channels(file: Path, settings: DeskSettings) -> None:
    escalation = settings.escalation
    known = settings.channels.names() | {OTHERS}
    known |= {name for name, there in (("siren", escalation.sirens), ("beacon", escalation.beacons)) if there}
    for key, channel in escalation.named():
        if channel not in known:
            expected = f"no channel {channel!r} is set up: expected one of {', '.join(sorted(known))}"
            raise ConfigError(str(file), key, expected, example=_EXAMPLES["escalation.steps.channels"])


def _read(file: Path, named_by: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        expected = f"expected a readable file: {reason}"
        raise ConfigError(str(file), named_by, expected, example=_EXAMPLES["inventory"] if named_by else "") from None


def _read_streets(file: Path) -> bytes:
    text = _read(file, "streets")
    if len(text) > MAX_STREETS_BYTES:
        raise ConfigError(str(file), "", f"expected at most {MAX_STREETS_BYTES} characters of GeoJSON")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigError(str(file), "", f"not JSON: {error}", example='{"type": "FeatureCollection", …}') from None
    if not isinstance(value, dict) or value.get("type") != "FeatureCollection":
        raise ConfigError(str(file), "type", "expected a GeoJSON FeatureCollection", example='"FeatureCollection"')
    return text.encode()
