"""A rendered broker that runs, and the clients around it: boxes, services, strangers."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.topics import Lane
from provisioning.authority import Authority
from provisioning.brokers.accounts import read_password
from provisioning.brokers.apply import Rendered, render_broker
from provisioning.brokers.model import LANES, Account, Broker, Grant, local_broker
from provisioning.brokers.placing import this_user
from provisioning.brokers.probe import Probe
from provisioning.brokers.throwaway import Pair, client_tls
from siaga.stack.ports import free_port
from siaga.stack.process import Process

ALL = (Grant("read", "#"), Grant("write", "#"))
START_TIMEOUT_S = 10.0
WITNESS = Account("witness", alarm=ALL, telemetry=ALL)
"""A service of these tests alone: it sees everything, and sends what others are not to get."""


def make_authority(folder: Path, boxes: Sequence[str]) -> Authority:
    """Return an authority with certificates for these boxes and both brokers."""
    authority = Authority.init(folder)
    authority.issue_devices(boxes)
    for lane in LANES:
        authority.issue_broker(lane, ["localhost", "127.0.0.1"])
    return authority


def free_broker(lane: Lane, **limits: int) -> Broker:
    """Return a broker on free ports of 127.0.0.1, run by whoever runs this, with the lane's limits but for some."""
    broker = local_broker(lane, device_port=free_port(), centre_port=free_port(), user=this_user())
    return broker.model_copy(update={"limits": broker.limits.model_copy(update=limits)})


@dataclass(frozen=True)
class Stand:
    """A running broker."""

    authority: Authority
    files: Rendered
    process: Process

    @property
    def lane(self) -> Lane:
        """Its lane."""
        return self.files.broker.lane

    def pair_of(self, name: str) -> Pair:
        """Return a box's certificate and key."""
        return Pair(self.authority.device_certificate(name), self.authority.device_key(name))

    def box(self, name: str, client_id: str | None = None, **options: Any) -> Probe:
        """Return a box's connection, not yet open."""
        return self.pair(self.pair_of(name), name if client_id is None else client_id, **options)

    def pair(self, pair: Pair | None, client_id: str, **options: Any) -> Probe:
        """Return a connection to the devices' listener with any certificate, not yet open."""
        return Probe(self.files.broker.device_port, client_tls(self.authority.trust, pair), client_id, **options)

    def service(self, name: str, client_id: str | None = None, **options: Any) -> Probe:
        """Return a service's connection, not yet open."""
        tls = client_tls(self.authority.trust)
        username = f"centre.{name}"
        password = read_password(self.files.passwords[name])
        port = self.files.broker.centre_port
        return Probe(port, tls, client_id or username, username=username, password=password, **options)


@contextlib.contextmanager
def running(
    authority: Authority,
    lane: Lane,
    accounts: Sequence[Account] = (WITNESS,),
    revoked: Sequence[str] = (),
    **limits: int,
) -> Iterator[Stand]:
    """Render a lane's broker and run it; limits are the lane's but for those given."""
    broker = free_broker(lane, **limits)
    files = render_broker(authority.folder, lane, revoked=revoked, broker=broker, accounts=accounts)
    process = Process(["mosquitto", "-c", str(files.config)], name=f"{lane}-broker", folder=files.folder)
    process.start()
    try:
        await_listening(process, files.broker)
        yield Stand(authority, files, process)
    finally:
        process.stop()


def await_listening(process: Process, broker: Broker) -> None:
    """Wait until both listeners accept connections."""
    deadline = time.monotonic() + START_TIMEOUT_S
    for port in (broker.device_port, broker.centre_port):
        while True:
            alive = process.running
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
                break
            process.check_waiting(deadline, START_TIMEOUT_S, running=alive)
            time.sleep(0.005)
