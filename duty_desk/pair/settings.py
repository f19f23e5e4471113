"""`[pair]` in desk.toml."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from contract.errors import ConfigError
from contract.identity import Name
from contract.settings import Settings
from duty_desk.ledger.place import Place, Server

EXAMPLES: Final = {
    "pair": '[pair] name = "desk-2"',
    "pair.name": 'name = "desk-2"',
    "pair.url": 'url = "https://desk-2.siaga.example"',
    "pair.lease_s": "lease_s = 5",
}


class PairSettings(Settings):
    """This desk as one of two.

    Attributes:
        name: Its name, another than the other's.
        url: Where browsers reach it, for the other's page while that one stands by.
        lease_s: For how long after its last word the other leaves it what happens.
    """

    name: Name
    url: Annotated[str, Field(pattern=r"^https?://[^\s\"'<>]+$", max_length=300)] | None = None
    lease_s: Annotated[float, Field(ge=3, le=30)] = 5


def check_pair(source: str, pair: PairSettings | None, ledger: Place) -> None:
    """Refuse a pair without a ledger that both share.

    Raises:
        ConfigError: The ledger is a file.
    """
    if pair is not None and not isinstance(ledger, Server):
        raise ConfigError(
            source,
            "pair",
            "two desks need one ledger on a server: siaga desk ledger move, then name it here, or take [pair] out",
            example='ledger = "postgresql://siaga@localhost/ledger"',
        )
