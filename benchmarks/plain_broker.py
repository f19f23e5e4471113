"""A broker with one more listener, over plain TCP, so that what TLS costs can be measured beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from contract.topics import Lane
from link import Endpoint
from provisioning.brokers.apply import Rendered
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.ports import free_port
from siaga.stack.trust import HOST, Trust

_PLAIN: Final = """
# For this measurement only: the accounts' listener without TLS.
listener {port} 127.0.0.1
allow_anonymous false
acl_file {folder}/probe.acl
password_file {folder}/probe.passwd
"""


class PlainToo(Mosquitto):
    """A broker with one more listener: an account over plain TCP."""

    def __init__(
        self, folder: Path, name: str, trust: Trust, lane: Lane, *, limits: Mapping[str, int] | None = None
    ) -> None:
        self._plain_port = free_port()
        super().__init__(folder, name, trust, lane, probes=True, limits=limits)

    def render(self) -> Rendered:
        """Write its files, the further listener among them."""
        rendered = super().render()
        home = rendered.config.parent
        with rendered.config.open("a") as config:
            config.write(_PLAIN.format(port=self._plain_port, folder=home.resolve()))
        return rendered

    def plain(self) -> Endpoint:
        """Return it as the account `probe` sees it without TLS."""
        credentials = self.probe().credentials
        assert credentials is not None
        return Endpoint(HOST, self._plain_port, dataclasses.replace(credentials, context=None))
