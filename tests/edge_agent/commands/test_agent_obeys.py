"""Commands to a real agent, over two real brokers: done once, answered, and no siren is left on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.command import MAX_COMMAND_BYTES
from contract.identity import new_event_id
from siaga.stack.mosquitto import Mosquitto
from tests.edge_agent.commands.stand import LANES, Stand, standing

pytestmark = pytest.mark.slow
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


async def test_a_siren_sounds_once_for_a_command_on_both_brokers_and_is_silent_when_told(
    tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto
) -> None:
    async with standing(tmp_path, alarm_broker, telemetry_broker) as stand:
        await _is_done_once(stand)
        await _a_beacon_too_and_it_ends_at_its_time(stand)
        await _is_not_obeyed(stand)
        await _ends_with_the_agent(stand)


async def _is_done_once(stand: Stand) -> None:
    """The same on both brokers, and again."""
    command = stand.command(seconds=20)
    body = stand.sealed(command)
    began_s = time.monotonic()
    await stand.send(body)
    for lane in LANES:
        reply = await stand.reply(command, lane)
        assert (reply.outcome, reply.detail) == ("done", "20 s")
    assert time.monotonic() - began_s < 5
    assert stand.board.lamp("siren")[0]
    changes = len(stand.board.lamp("siren")[1])
    for _ in range(5):
        await stand.send(body, "alarm")
    assert await stand.reply(command, "alarm", count=6) == reply
    by_telemetry = [each for lane, each in stand.replies if lane == "telemetry" and each.id == command.id]
    assert len(by_telemetry) <= 2, "whoever asks again is answered where they asked"
    assert len(stand.board.lamp("siren")[1]) == changes
    status = stand.status()
    assert status is not None
    assert [(each.id, each.on) for each in status.outputs] == [("siren", True), ("beacon", False)]
    assert 10 < status.outputs[0].left_s <= 20
    assert status.report.outputs["siren"]
    off = await stand.obeyed(stand.command(on=False, seconds=0))
    assert (off.outcome, off.detail) == ("done", "off")
    assert not stand.board.lamp("siren")[0]


async def _a_beacon_too_and_it_ends_at_its_time(stand: Stand) -> None:
    """Once for both brokers and again, dark by itself, and neither by a late or forged command."""
    flashed, sounded = stand.sounds("beacon"), stand.sounds()
    late = stand.command("beacon", expires_at_ns=time.time_ns() - 5 * 10**9)
    assert (await stand.obeyed(late)).outcome == "expired"
    forged = stand.command("beacon")
    await stand.send(stand.sealed(forged, STRANGER))
    assert (await stand.reply(forged)).outcome == "refused"
    assert stand.sounds("beacon") == flashed
    command = stand.command("beacon", seconds=1)
    body = stand.sealed(command)
    sent_ns = time.monotonic_ns()
    await stand.send(body)
    for lane in LANES:
        reply = await stand.reply(command, lane)
        assert (reply.outcome, reply.detail) == ("done", "1 s")
    await stand.send(body, "alarm")
    assert await stand.reply(command, "alarm", count=2) == reply
    await stand.until(lambda: not stand.board.lamp("beacon")[0])
    (began_ns, on), (ended_ns, still_on) = stand.board.lamp("beacon")[1][-2:]
    assert (on, still_on) == (True, False)
    # The board tells when it saw it, and may have seen its beginning late.
    assert (ended_ns - sent_ns) / 1e9 >= 0.99
    assert (ended_ns - began_ns) / 1e9 < 3
    await stand.send(body, "alarm")
    await stand.reply(command, "alarm", count=3)
    assert (stand.sounds("beacon"), stand.sounds()) == (flashed + 1, sounded)


async def _is_not_obeyed(stand: Stand) -> None:
    """What is forged, late, for another box, broken or retained; and what is said of it."""
    sounds = stand.sounds()
    forged = stand.command()
    await stand.send(stand.sealed(forged, STRANGER))
    assert (await stand.reply(forged)).outcome == "refused"
    late = stand.command(expires_at_ns=time.time_ns() - 5 * 10**9)
    assert (await stand.obeyed(late)).outcome == "expired"
    other = stand.command(device="box-2")
    assert str((await stand.obeyed(other)).detail).startswith("other device")
    await stand.send(b"x" * (MAX_COMMAND_BYTES + 1))
    await stand.send(b"\xff{")
    kept = stand.sealed(stand.command())
    await stand.send(kept, retain=True)  # a live copy: it is obeyed as any other
    await stand.until(lambda: stand.sounds() == sounds + 1)
    await stand.obeyed(stand.command(on=False, seconds=0))
    # At its next start the broker brings what was retained: it is not now.
    stand.agent.stop()
    stand.agent.start()
    await stand.ready()
    await stand.until(lambda: (told := stand.status()) is not None and told.report.faults.get("command: retained"))
    assert stand.sounds() == sounds + 1


async def _ends_with_the_agent(stand: Stand) -> None:
    """Whatever becomes of it: a stop, a kill, a freeze."""
    for ends in (signal.SIGTERM, signal.SIGKILL):
        await stand.done(seconds=30)
        assert stand.board.lamp("siren")[0]
        os.kill(stand.agent.pid, ends)
        await stand.until(lambda: not stand.board.lamp("siren")[0])
        await asyncio.to_thread(stand.agent.stop)
        stand.agent.start()
        await stand.ready()
    await stand.done(seconds=1)
    os.kill(stand.agent.pid, signal.SIGSTOP)
    try:
        await stand.until(lambda: not stand.board.lamp("siren")[0])
    finally:
        os.kill(stand.agent.pid, signal.SIGCONT)


async def test_a_press_that_is_a_test_comes_out_of_the_driver_and_a_broken_one_shows(
    tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto
) -> None:
    async with standing(tmp_path, alarm_broker, telemetry_broker) as stand:
        command = stand.command("synthetic_press", button="sos")
        reply = await stand.obeyed(command)
        assert reply.outcome == "done"
        await stand.until(lambda: stand.presses)
        (press,) = {each["event_id"]: each for each in stand.presses}.values()
        assert (press["event_id"], press["cause"], press["status"]) == (reply.detail, "synthetic", "Test")
        assert stand.board.presses("sos") == [], "nobody pressed"
        # A real press beside it is a press of its own.
        stand.board.press("sos", hold_ms=50)
        await stand.until(lambda: any(each["cause"] == "press" for each in stand.presses))
        again = await stand.obeyed(stand.command("synthetic_press", button="sos"))
        assert (again.outcome, again.detail) == ("refused", "test waits")
        unknown = await stand.obeyed(stand.command("synthetic_press", button="other"))
        assert (unknown.outcome, unknown.detail) == ("unknown", "no button 'other'; it has: sos")
        # The lamp shows the real press, which no test may hide.
        lamp = await stand.obeyed(stand.command("lamp_test", button="sos"))
        assert (lamp.outcome, lamp.detail) == ("refused", "lamp in use")
        # The board is gone: the line of the button and the siren's with it.
        await stand.board.__aexit__(None, None, None)
        broken = await stand.obeyed(stand.command("synthetic_press", button="sos"))
        assert broken.outcome == "refused"
        assert str(broken.detail).startswith("button sos: ")
        mute = await stand.obeyed(stand.command(id=new_event_id()))
        assert mute.outcome == "refused"
        await stand.until(lambda: (told := stand.status()) is not None and "siren" in {x.what for x in told.faults})
        await stand.board.__aenter__()
        await stand.done()
        await stand.obeyed(stand.command(on=False, seconds=0))
