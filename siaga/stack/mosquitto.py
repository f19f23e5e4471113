"""A Mosquitto broker on 127.0.0.1, out of the files that provisioning renders."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from contract.topics import Lane
from link.dial import Endpoint
from link.trust import load_credentials
from provisioning.brokers.apply import Rendered
from provisioning.brokers.render import render_password
from provisioning.files import write_private
from siaga.stack.ports import free_port
from siaga.stack.process import Process
from siaga.stack.trust import HOST, Trust

_POLL_S: Final = 0.005
_START_TIMEOUT_S: Final = 10.0
_PROBE: Final = "probe"

_PROBES: Final = """
# For tests: one account that may do everything under any client id.
listener {port} 127.0.0.1
allow_anonymous false
tls_version tlsv1.2
certfile {folder}/broker.pem
keyfile {folder}/broker.key
acl_file {folder}/probe.acl
password_file {folder}/probe.passwd
"""


class Mosquitto(Process):
    """A broker: no persistence, because the ends keep what has no receipt.

    Args:
        folder: Where its log goes.
        name: Its name, and that of the log.
        trust: The authority whose files it runs on; it has one broker a lane.
        lane: Which lane it serves.
        probes: Whether it has a third listener for a test's own clients, see `probe`.
        limits: Limits other than the lane's own, by name, see `provisioning.brokers.model.Limits`.

    `device_port` is for devices, `centre_port` for the centre's services. A restart uses the same ports.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        trust: Trust,
        lane: Lane,
        *,
        probes: bool = False,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        self.trust = trust
        self.lane = lane
        self._limits = dict(limits or {})
        self.device_port = free_port()
        self.centre_port = free_port()
        self._probe_port = free_port() if probes else None
        self._config = trust.authority.broker_folder(lane) / "mosquitto.conf"
        super().__init__(["mosquitto", "-c", str(self._config)], name=name, folder=folder)

    def device(self, name: str) -> Endpoint:
        """Return it as a device sees it; the device's certificate is made when it has none."""
        return self.trust.device(name, self.device_port)

    def service(self, name: str) -> Endpoint:
        """Return it as one of the centre's services sees it, such as `desk` or `collector-1`."""
        return self.trust.service(name, self.centre_port)

    def probe(self) -> Endpoint:
        """Return it as a test's own client sees it, which may do everything under any client id.

        Raises:
            ValueError: It was made without probes.
        """
        if self._probe_port is None:
            raise ValueError(f"{self.name} has no listener for probes")
        credentials = load_credentials(
            source="stack",
            table=_PROBE,
            ca=self.trust.authority.trust,
            username=_PROBE,
            password_file=self._home / "probe.password",
        )
        return Endpoint(HOST, self._probe_port, credentials)

    def render(self) -> Rendered:
        """Write its files, as they are at a start."""
        rendered = self.trust.render_broker(
            self.lane, device_port=self.device_port, centre_port=self.centre_port, limits=self._limits
        )
        if self._probe_port is not None:
            self._add_probes(self._probe_port)
        return rendered

    def launch(self) -> None:
        """Start it without waiting.

        Raises:
            ProcessError: It runs already or is not installed.
        """
        if not self.running:
            self.render()
        super().start()

    def start(self) -> None:
        """Start it and wait until it accepts connections.

        Raises:
            ProcessError: It is not installed, ended, or accepts none within 10 s.
        """
        self.launch()
        self.wait_ready()

    def wait_ready(self, timeout_s: float = _START_TIMEOUT_S) -> None:
        """Wait until it accepts connections.

        Raises:
            ProcessError: It ended, or `timeout_s` seconds passed.
        """
        deadline = time.monotonic() + timeout_s
        last_port = self.centre_port if self._probe_port is None else self._probe_port  # it opens them in their order
        while True:
            running = self.running
            with contextlib.suppress(OSError), socket.create_connection((HOST, last_port), timeout=1.0):
                # Another program may listen on the port while ours ends for that reason.
                if running and self.running:
                    return
            self.check_waiting(deadline, timeout_s, running=running)
            time.sleep(_POLL_S)

    @property
    def _home(self) -> Path:
        return self.trust.authority.broker_folder(self.lane)

    def _add_probes(self, port: int) -> None:
        password_file = self._home / "probe.password"
        if not password_file.exists():
            password = secrets.token_urlsafe(32)
            write_private(password_file, password.encode())
            write_private(
                self._home / "probe.passwd", render_password(_PROBE, password, secrets.token_bytes(12)).encode()
            )
            write_private(self._home / "probe.acl", f"user {_PROBE}\ntopic readwrite #\ntopic read $SYS/#\n".encode())
        with self._config.open("a") as config:
            config.write(_PROBES.format(port=port, folder=self._home.resolve()))
