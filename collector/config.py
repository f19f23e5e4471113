"""collector.toml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from contract.errors import ConfigError, PrivateFileError
from contract.settings import Settings, load_toml
from contract.topics import ALL_TELEMETRY
from link import BrokerSettings, Endpoint
from link.settings import broker_examples
from store.account import Account, read_password
from store.config import EXAMPLES as STORE_EXAMPLES
from store.config import StoreSettings

_GROUP: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")

EXAMPLES = {
    "data_dir": 'data_dir = "/var/lib/siaga/collector/1"',
    "client_id": 'client_id = "collector-1"',
    "group_file": 'group_file = "collector.group"',
    "receive_maximum": "receive_maximum = 20000",
    "metrics": "[metrics] port = 9469",
    "metrics.host": 'host = "127.0.0.1"',
    "metrics.port": "port = 9469",
    "chronicle": "[chronicle] enabled = true",
    "chronicle.enabled": "enabled = true",
    "books": '[books] username = "centre.books", password_file = "books.password"',
    "books.username": 'username = "centre.books"',
    "books.store_username": 'store_username = "reader"',
    "books.store_password_file": 'store_password_file = "reader.password"',
    "books.others": 'others = ["/var/lib/siaga/collector/2"]',
    "books.password_file": 'password_file = "books.password"',
    **broker_examples("broker"),
    "store": '[store] with url = "http://127.0.0.1:8086", username = "collector", password_file = "store.password"',
    **{f"store.{key}": example for key, example in STORE_EXAMPLES.items()},
}


class MetricsSettings(Settings):
    """The table `[metrics]`: where /metrics, /healthz and /readyz are answered. Nobody has to log in there."""

    host: Annotated[str, Field(pattern=r"^[^\s/\x00]+$", max_length=253)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)]


class BooksSettings(Settings):
    """The table `[books]`: the account under which this collector reads the devices' reports; one of a group has it.

    With an account of the store that may read, the books are also looked at each hour. `others` are the data folders of
    the group's other collectors: what they refused is in their quarantines.
    """

    username: Annotated[str, Field(min_length=1, max_length=128)]
    password_file: Path
    store_username: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = None
    store_password_file: Path | None = None
    others: Annotated[tuple[Path, ...], Field(max_length=16)] = ()

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.store_username is None) != (self.store_password_file is None):
            raise ValueError("store_username and store_password_file belong together")
        return self


class ChronicleSettings(Settings):
    """The table `[chronicle]`: whether incidents, reports and the desk's sign of life are written for the walls.

    The collector that has `[books]` does it.
    """

    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the books are, and the data folders of others that refuse readings; `whole` when that is all of them."""

    own: Path
    others: tuple[Path, ...] = ()
    whole: bool = True


class CollectorSettings(Settings):
    """The whole file. Paths are relative to the file they stand in.

    `group_file` holds the name of the group of collectors that share the messages among them; without it the collector
    takes all of them. `receive_maximum` bounds the messages that the broker hands over without PUBACK.
    """

    data_dir: Path
    client_id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "collector-1"
    group_file: Path | None = None
    receive_maximum: Annotated[int, Field(ge=1, le=65_535)] = 20_000
    broker: BrokerSettings
    store: StoreSettings = StoreSettings()
    metrics: MetricsSettings | None = None
    books: BooksSettings | None = None
    chronicle: ChronicleSettings = ChronicleSettings()


def broker_endpoint(settings: CollectorSettings, path: Path) -> Endpoint:
    """Return whom to dial, the account's password and the trusted CA read.

    Args:
        settings: The settings.
        path: The file they are from; paths in it are relative to its folder.

    Raises:
        ConfigError: A file it names cannot be used.
    """
    return settings.broker.endpoint(source=str(path), table="broker", base=path.parent)


def books_endpoint(settings: CollectorSettings, path: Path) -> Endpoint | None:
    """Return the same broker as the account of the books sees it, or None when none is configured.

    Args:
        settings: The settings.
        path: The file they are from; paths in it are relative to its folder.

    Raises:
        ConfigError: A file it names cannot be used.
    """
    if settings.books is None:
        return None
    account = {"username": settings.books.username, "password_file": settings.books.password_file}
    broker = settings.broker.model_copy(update={**account, "certificate": None, "key": None})
    return broker.endpoint(source=str(path), table="books", base=path.parent)


def books_folders(settings: CollectorSettings) -> Folders:
    """Return where the books and all quarantines are that this file tells of."""
    others = () if settings.books is None else settings.books.others
    return Folders(settings.data_dir, others, whole=settings.group_file is None or bool(others))


def books_account(settings: CollectorSettings, path: Path) -> Account | None:
    """Return who looks at the books in the store, or None when nobody is to.

    Args:
        settings: The settings.
        path: The file they are from; paths in it are relative to its folder.

    Raises:
        ConfigError: The password file cannot be used.
    """
    books = settings.books
    if books is None or books.store_username is None or books.store_password_file is None:
        return None
    try:
        return Account(books.store_username, path.parent / books.store_password_file)
    except PrivateFileError as error:
        raise ConfigError(str(path), "books.store_password_file", str(error)) from None


def topic_filter(settings: CollectorSettings, path: Path) -> str:
    """Return what to subscribe to: all telemetry, or the group's share of it.

    Args:
        settings: The settings.
        path: The file they are from.

    Raises:
        ConfigError: The group's file cannot be used.
    """
    if settings.group_file is None:
        return ALL_TELEMETRY
    try:
        group = read_password(path.parent / settings.group_file)
    except PrivateFileError as error:
        raise ConfigError(str(path), "group_file", str(error)) from None
    if not _GROUP.fullmatch(group):
        expected = f"{settings.group_file} holds no group's name: 1 to 128 letters, digits, - and _"
        raise ConfigError(str(path), "group_file", expected)
    return f"$share/{group}/{ALL_TELEMETRY}"


def load(path: Path) -> CollectorSettings:
    """Return the settings in a file.

    Raises:
        ConfigError: The file cannot be read or used.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ConfigError(str(path), "", f"cannot be read: {reason}", example="collector.toml") from None
    return load_toml(text, CollectorSettings, source=str(path), examples=EXAMPLES)
