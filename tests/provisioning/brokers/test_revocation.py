"""A revoked box with a live session is silent on both brokers, others are not, and `restore` undoes it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from contract.topics import ROOT
from provisioning.authority import Authority
from provisioning.brokers.apply import Applied, apply
from provisioning.brokers.families import down, up
from provisioning.brokers.model import LANES
from provisioning.brokers.probe import Probe
from provisioning.brokers.trial import forged_will
from tests.provisioning.brokers.stand import Stand, make_authority, running

pytestmark = pytest.mark.slow

NOT_AUTHORIZED = 0x87
NOBODY_SUBSCRIBED = 0x10
SILENT_WITHIN_S = 5.0


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return an authority with two boxes."""
    return make_authority(tmp_path / "authority", ["box-1", "box-2"])


@pytest.fixture
def stands(authority: Authority) -> Iterator[list[Stand]]:
    """Yield both brokers, running."""
    with ExitStack() as stack:
        yield [stack.enter_context(running(authority, lane)) for lane in LANES]


def listening(stack: ExitStack, stand: Stand, name: str) -> Probe:
    """Return a box's session that hears what is for it."""
    probe = stack.enter_context(stand.box(name))
    probe.subscribe(f"{ROOT}/down/{name}/#")
    return probe


def await_code(probe: Probe, topic: str, code: int) -> None:
    """Publish until the PUBACK has this code: the broker has taken its files over."""
    deadline = time.monotonic() + SILENT_WITHIN_S
    while (got := probe.publish(topic, b"x")) != code:
        assert time.monotonic() < deadline, f"PUBACK 0x{got:02x} after {SILENT_WITHIN_S:g} s"


def test_a_revoked_box_with_a_live_session_is_silent_on_both_brokers(
    authority: Authority, stands: list[Stand], record_property: Callable[[str, object], None]
) -> None:
    with ExitStack() as stack:
        stolen = [listening(stack, stand, "box-1") for stand in stands]
        honest = [listening(stack, stand, "box-2") for stand in stands]
        witnesses = [stack.enter_context(stand.service("witness")) for stand in stands]
        for witness in witnesses:
            witness.subscribe(f"{ROOT}/up/#")
        began = time.monotonic()
        authority.revoke("box-1", "stolen")
        done = apply(authority.folder, authority.revoked)
        assert [one.reloaded for one in done] == [stand.process.pid for stand in stands]
        for probe in stolen:
            await_code(probe, up("box-1")[1], NOT_AUTHORIZED)
        took_s = time.monotonic() - began
        for box, other, witness in zip(stolen, honest, witnesses, strict=True):
            witness.ping()
            witness.take()
            assert set(box.publish_all([(topic, b"stolen") for topic in up("box-1")])) == {NOT_AUTHORIZED}
            witness.publish_all([(topic, b"for box-1") for topic in down("box-1")])
            witness.publish_all([(topic, b"for box-2") for topic in down("box-2")])
            assert other.publish(up("box-2")[1], b"honest") == 0
            box.ping()
            assert box.take() == []
            other.ping()
            assert {topic for topic, _ in other.take()} == set(down("box-2"))
            witness.ping()
            assert witness.take() == [(up("box-2")[1], b"honest")]
    record_property("told", f"a revoked box is silent on both brokers after {took_s * 1e3:.0f} ms")


def test_restore_gives_a_live_session_its_voice_back(authority: Authority, stands: list[Stand]) -> None:
    authority.revoke("box-1", "thought stolen")
    apply(authority.folder, authority.revoked)
    with ExitStack() as stack:
        boxes = [listening(stack, stand, "box-1") for stand in stands]
        for box in boxes:
            await_code(box, up("box-1")[1], NOT_AUTHORIZED)
        authority.restore("box-1")
        apply(authority.folder, authority.revoked)
        for box, stand in zip(boxes, stands, strict=True):
            await_code(box, up("box-1")[1], NOBODY_SUBSCRIBED)
            witness = stack.enter_context(stand.service("witness"))
            witness.publish(down("box-1")[4], b"welcome")
            box.await_message(b"welcome")


def test_a_revoked_box_gets_neither_what_waited_for_it_nor_what_is_retained_and_its_will_is_dropped(
    authority: Authority, stands: list[Stand]
) -> None:
    stand = stands[0]
    with stand.service("witness") as witness:
        witness.subscribe(f"{ROOT}/up/#")
        with stand.box("box-1", session_expiry_s=300) as box:
            box.subscribe(f"{ROOT}/down/box-1/#")
        witness.publish(down("box-1")[4], b"waits in the session")
        witness.publish(down("box-1")[3], b"retained", retain=True)
        with stand.box("box-2", will=forged_will(up("box-2")[2], b"will")) as dying:
            authority.revoke("box-1", "stolen")
            authority.revoke("box-2", "stolen")
            apply(authority.folder, authority.revoked)
            await_code(dying, up("box-2")[1], NOT_AUTHORIZED)
            dying.drop()
        with stand.box("box-1", clean_start=False) as box:
            assert box.session_present
            box.subscribe(f"{ROOT}/down/box-1/config")
            box.ping()
            assert box.take() == []
        witness.ping()
        assert b"will" not in {body for _, body in witness.take()}


def test_a_broker_that_starts_later_knows_who_is_revoked(authority: Authority) -> None:
    authority.revoke("box-1", "stolen")
    with running(authority, "alarm", revoked=sorted(authority.revoked)) as stand, stand.box("box-1") as box:
        assert box.publish(up("box-1")[1], b"x") == NOT_AUTHORIZED


def test_new_roots_ask_for_a_restart(authority: Authority, stands: list[Stand]) -> None:
    assert all(not one.restart and not one.changed for one in apply(authority.folder, []))
    authority.trust.write_bytes(authority.trust.read_bytes() * 2)
    done = apply(authority.folder, [])
    assert [(one.restart, one.changed) for one in done] == [(True, frozenset({"trust.pem"}))] * 2
    assert all(isinstance(one, Applied) for one in done)


def test_a_process_that_has_got_the_number_of_a_dead_broker_is_not_signalled(
    authority: Authority, stands: list[Stand]
) -> None:
    home = stands[0].files.folder
    stands[0].process.stop()
    (home / "mosquitto.pid").write_text(f"{os.getpid()}\n")  # a SIGHUP would end this test
    assert apply(authority.folder, ["box-1"])[0].reloaded is None
