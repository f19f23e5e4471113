"""What the design rests on, of Mosquitto 2.0.11 itself: should a newer one do otherwise, these say so."""

from __future__ import annotations

import os
import signal
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contract.topics import ROOT
from provisioning.authority import Authority
from provisioning.brokers.families import down, up
from provisioning.brokers.model import Account
from provisioning.brokers.probe import TIMEOUT_S, Probe, ProbeError
from provisioning.brokers.throwaway import Throwaway, client_tls
from tests.provisioning.brokers.stand import ALL, WITNESS, Stand, make_authority, running

pytestmark = pytest.mark.slow

NOT_AUTHORIZED = 0x87
SLOW = Account("slow", telemetry=ALL)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return an authority with three boxes, one of them called like a service."""
    return make_authority(tmp_path / "authority", ["box-1", "box-2", "witness"])


@pytest.fixture
def stand(authority: Authority) -> Iterator[Stand]:
    """Yield the alarm broker, running."""
    with running(authority, "alarm") as stand:
        yield stand


def test_fault_26_another_devices_client_id_is_replaced_and_the_victim_stays_connected(stand: Stand) -> None:
    with stand.box("box-2") as victim:
        victim.subscribe(f"{ROOT}/down/box-2/#")
        with stand.box("box-1", "box-2") as thief, stand.service("witness") as witness:
            assert thief.publish(up("box-2")[1], b"x") == NOT_AUTHORIZED
            assert thief.publish(up("box-1")[1], b"x") in (0, 0x10)
            thief.subscribe(f"{ROOT}/down/box-2/#")
            witness.publish(down("box-2")[0], b"receipt")
            victim.await_message(b"receipt")
            thief.ping()
            assert thief.take() == []


def test_a_box_called_like_a_service_does_not_end_its_session(stand: Stand) -> None:
    with stand.service("witness") as service, stand.box("witness") as namesake:
        assert namesake.publish(f"{ROOT}/desk/heartbeat", b"x") == NOT_AUTHORIZED
        service.ping()
    with stand.service("witness", "box-1") as service, stand.box("box-1") as box:
        service.ping()
        box.ping()


def test_a_reload_with_an_acl_that_cannot_be_read_opens_the_broker(stand: Stand) -> None:
    """Why an ACL file is replaced by a rename only, with the owner and mode it had."""
    with stand.box("box-1") as box:
        assert box.publish(up("box-2")[1], b"x") == NOT_AUTHORIZED
        (stand.files.folder / "device.acl").unlink()
        os.kill(stand.process.pid, signal.SIGHUP)
        await_word(stand, "Unable to open acl_file")
        assert box.publish(up("box-2")[1], b"x") in (0, 0x10)


def test_a_member_of_a_shared_group_that_may_not_read_eats_its_share(stand: Stand) -> None:
    """Why the name of the collectors' group is a secret."""
    group = f"$share/known/{ROOT}/up/+/telemetry"
    with stand.service("witness") as collector, stand.box("box-1") as thief, stand.box("box-2") as box:
        collector.subscribe(group)
        thief.subscribe(group)
        box.publish_all([(up("box-2")[0], b"%d" % number) for number in range(20)])
        collector.ping()
        thief.ping()
        assert thief.take() == []
        assert len(collector.take()) < 20


@pytest.mark.parametrize(("receive_maximum", "handed"), [(None, 20), (5, 5), (50, 50)])
def test_a_clients_own_receive_maximum_is_what_bounds_what_is_handed_to_it(
    authority: Authority, receive_maximum: int | None, handed: int
) -> None:
    """What `inflight_messages` does, and does not: it holds for who names none, and for what the broker takes."""
    with (
        running(authority, "telemetry", (WITNESS, SLOW), inflight_messages=20) as stand,
        stand.service("slow", receive_maximum=receive_maximum, acknowledges=False) as slow,
        stand.service("witness") as witness,
    ):
        assert slow.connack is not None
        assert slow.connack.receive_max == 20, "what the broker takes"
        slow.subscribe(f"{ROOT}/some")
        for _ in range(6):
            witness.publish_all([(f"{ROOT}/some", b"x")] * 20)
        slow.ping()
        assert len(slow.take()) == handed


def test_a_reload_takes_over_the_brokers_certificate_but_not_its_roots(stand: Stand, tmp_path: Path) -> None:
    other = Throwaway(tmp_path / "other", "other")
    home = stand.files.folder
    with stand.box("box-1") as box:
        new = other.broker()
        (home / "broker.pem").write_bytes(new.certificate.read_bytes())
        (home / "broker.key").write_bytes(new.key.read_bytes())
        (home / "trust.pem").write_bytes(stand.authority.trust.read_bytes() + other.root.read_bytes())
        os.kill(stand.process.pid, signal.SIGHUP)
        port = stand.files.broker.device_port
        await_open(lambda: Probe(port, client_tls(other.root, stand.pair_of("box-2")), "box-2"))
        box.ping()  # who is connected stays so
    theirs = client_tls(other.root, other.device("box-1"))
    with pytest.raises(ProbeError, match="tls"):
        Probe(port, theirs, "box-1").open()
    stand.process.stop()
    stand.process.start()
    await_open(lambda: Probe(port, theirs, "box-1"))
    with Probe(port, client_tls(other.root, stand.pair_of("box-1")), "box-1"):
        pass


def test_a_password_that_is_gone_ends_the_live_session(stand: Stand) -> None:
    with stand.service("witness") as service:
        (stand.files.folder / "centre.passwd").write_text("")
        os.kill(stand.process.pid, signal.SIGHUP)
        with pytest.raises(ProbeError):
            service.await_message(b"never")
        assert service.closed == "the broker closed the connection"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(stand: Stand, version: ssl.TLSVersion) -> None:
    tls = client_tls(stand.authority.trust, stand.pair_of("box-1"), version=version)
    with pytest.raises(ProbeError, match=r"tls: .*version"):
        Probe(stand.files.broker.device_port, tls, "box-1").open()


def await_word(stand: Stand, word: str) -> None:
    """Wait until the broker's log since its start has a word; it reloads within one turn of its loop."""
    deadline = time.monotonic() + TIMEOUT_S
    while word not in stand.process.output():
        assert time.monotonic() < deadline, stand.process.output()
        time.sleep(0.005)


def await_open(connect: Callable[[], Probe]) -> None:
    """Wait until a connection can be made."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            with connect():
                return
        except ProbeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
