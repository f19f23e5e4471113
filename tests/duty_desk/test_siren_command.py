"""`siaga desk siren test`: a real box sounds by the real desk, and whatever does not work is said in one line."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract import topics
from contract.messages import CommandReply, Status, encode
from duty_desk import commander as commander_module
from duty_desk import control
from duty_desk.acts import Acts
from duty_desk.commander import ANSWER_S
from duty_desk.errors import NotCommandedError
from duty_desk.incidents.actor import Actor
from duty_desk.incidents.entries import PageEntry, parse_entry
from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.access.conftest import until
from tests.duty_desk.conftest import Desk, box, press_body
from tests.duty_desk.synthetic.test_synthetic import Street
from tests.edge_agent.commands.stand import Stand
from tests.warm import Warm

pytestmark = pytest.mark.slow


@pytest.fixture
def stand(tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto) -> Stand:
    """Return a box with a siren, not started yet."""
    return Stand(tmp_path, {"alarm": alarm_broker, "telemetry": telemetry_broker})


@pytest.fixture
def desk(
    tmp_path: Path, alarm_broker: Mosquitto, telemetry_broker: Mosquitto, stand: Stand, warm: Warm
) -> Iterator[Desk]:
    """Yield a desk that commands its siren, started."""
    running = Desk(tmp_path, alarm_broker, telemetry_broker, warm=warm)
    running.config.write_text(
        f'command_key = "{stand.private}"\n{running.config.read_text()}[escalation]\nsirens = ["box-1"]\n'
    )
    running.start()
    yield running
    running.process.stop()


def siren_test(desk: Desk, *options: str) -> tuple[int, str]:
    """Return exit status and words of the command."""
    command = [*desk.command("siren", "test"), "--lang", "en", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return done.returncode, (done.stdout + done.stderr).replace("\n", " ")


async def paged(desk: Desk, channel: str, outcome: str) -> None:
    """Wait until the last page in the ledger, that is not of the schedule, is this one: the answer comes before it."""
    await until(lambda: [(each.channel, each.outcome) for each in pages(desk)][-1:] == [(channel, outcome)], 15)


def pages(desk: Desk) -> list[PageEntry]:
    """Return the pages in the ledger that are not of the schedule."""
    connection = sqlite3.connect(f"file:{desk.ledger}?mode=ro", uri=True)
    try:
        entries = [parse_entry(body) for (body,) in connection.execute("SELECT body FROM entry ORDER BY sequence")]
    finally:
        connection.close()
    return [each for each in entries if isinstance(each, PageEntry) and (each.detail or "").startswith("box-")]


async def test_a_siren_is_tested_by_hand_and_it_stands_in_the_ledger(desk: Desk, stand: Stand) -> None:
    async with stand.board:
        stand.agent.start()
        try:
            told: tuple[int, str] = (1, "")
            async with asyncio.timeout(40):
                while told[0]:
                    told = await asyncio.to_thread(siren_test, desk, "--box", "box-1", "--seconds", "1")
            assert "box-1: it goes (1 s), answered in " in told[1]
            await until(lambda: stand.sounds() > 0, 15)
            assert stand.sounds() == 1
            # One that gave no answer before its box was there is asked again by the desk itself, too.
            await until(lambda: desk.get("/healthz")["sirens"] == 0, 15)
            await paged(desk, "siren", "handed")
            async with box(desk.alarm, "box-2") as street:
                await street.alarm(press_body("box-2"))
                await street.wait("siaga/v1/desk/incident")
            status, words = await asyncio.to_thread(siren_test, desk, "--box", "box-1")
            assert (status, "an incident is unanswered" in words) == (1, True)
        finally:
            await asyncio.to_thread(stand.agent.stop)


async def test_what_does_not_work_is_said(desk: Desk, tmp_path: Path) -> None:
    status, words = siren_test(desk, "--box", "box-1")
    assert (status, "box-1: NO ANSWER: no answer from box-1" in words) == (1, True)
    await paged(desk, "siren", "failed")
    assert len(pages(desk)) == 1
    assert desk.get("/api/state")["sirens"] == {"box-1": "no answer"}
    status, words = siren_test(desk, "--box", "box-9")
    assert (status, "box-9: not in the inventory" in words) == (1, True)
    folder = desk.ledger.parent
    assert stat.S_IMODE((folder / control.NAME).stat().st_mode) == 0o600
    for request in ({}, {"siren_test": {"box": "box-1", "output": "horn", "seconds": 1}}, {"siren_test": 7}):
        assert control.ask(folder, request, 5) == {"error": "not understood"}
    desk.process.stop()
    status, words = siren_test(desk, "--box", "box-1")
    assert (status, "no desk runs; start it: siaga desk run" in words) == (3, True)


async def test_the_answer_that_came_while_the_desk_stood_still_counts(desk: Desk) -> None:
    async with box(desk.alarm) as street:
        await street.client.subscribe(topics.command("box-1"), qos=1)

        async def answer() -> None:
            """Answer each command, also one that is told again, as a box does."""
            answered = 0
            while True:
                told = [body for topic, body in street.received if topic == topics.command("box-1")]
                for sealed in told[answered:]:
                    event_id = sealed["document"]["content"]["id"]
                    reply = CommandReply(device="box-1", id=event_id, outcome="done", timestamp_ns=0)
                    await street.client.publish(topics.reply("box-1"), encode(reply), qos=1)
                answered = len(told)
                await asyncio.sleep(0.05)

        asked = asyncio.create_task(asyncio.to_thread(siren_test, desk, "--box", "box-1"))
        await street.wait(topics.command("box-1"))
        desk.process.freeze()
        answering = asyncio.create_task(answer())
        try:
            await asyncio.sleep(ANSWER_S + 0.5)
            desk.process.thaw()
            status, words = await asked
        finally:
            answering.cancel()
        assert (status, "box-1: it goes" in words) == (0, True), words
        assert desk.get("/api/state")["sirens"] == {}


async def test_a_siren_that_gave_no_answer_is_asked_again_once_its_box_is_heard_but_not_while_one_may_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commander_module, "ANSWER_S", 0.1)
    monkeypatch.setattr(commander_module, "AGAIN_S", 0.05)
    street = Street(tmp_path)
    commander, online = (
        street.desk.commander,
        Status(device="box-1", lane="alarm", state="online", boot="1", software="0"),
    )
    commander.watched, street.cut, street.outcome = frozenset({"box-1"}), {"box-1"}, "refused"
    with pytest.raises(NotCommandedError):
        await commander.ask(commander.make("siren", "box-1", on=False))
    street.cut = set()
    street.press("box-2", status="Actual", cause="press")
    street.desk.hear("alarm", topics.status("box-1", "alarm"), encode(online), True)
    assert street.commanded == []
    (incident,) = street.desk.board.active()
    Acts(street.desk, time.time_ns).act("accept", incident.id, Actor("Petugas 1", "officer", "Layar 1"))
    street.desk.hear("alarm", topics.status("box-1", "alarm"), encode(online), True)
    assert street.commanded == ["box-1"]
    assert commander.wrong == {"box-1": "no answer"}
    async with asyncio.timeout(5):
        while commander.wrong["box-1"] == "no answer":  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)
    assert commander.wrong["box-1"].startswith("refused")


async def test_the_socket_takes_one_line_refuses_nonsense_and_waits_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_ASK_S", 0.2)

    async def answer(request: dict[str, Any]) -> dict[str, Any]:
        return {"told": request}

    serving = asyncio.create_task(control.serve(tmp_path, answer))
    while not (tmp_path / control.NAME).exists():  # noqa: ASYNC110 - a file tells nobody
        await asyncio.sleep(0)
    silent, silent_writer = await asyncio.open_unix_connection(tmp_path / control.NAME)
    assert await asyncio.to_thread(control.ask, tmp_path, {"a": 1}, 5) == {"told": {"a": 1}}
    monkeypatch.setattr(control, "_ASK_S", 10.0)  # who asks may be slow here
    for body in (b"{\n", b"[]\n", b"\xff\n", b"[" * 60_000 + b"\n"):
        reader, writer = await asyncio.open_unix_connection(tmp_path / control.NAME)
        writer.write(body)
        assert await reader.readline() == b'{"error": "not understood"}\n'
        writer.close()
        await writer.wait_closed()
    with pytest.raises(OSError, match="another one runs on this folder"):
        await control.serve(tmp_path, answer)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert control.ask(tmp_path, {}, 5) is None, "a socket that was left is no desk"
    assert await silent.read() == b"", "who does not ask is let go"
    silent_writer.close()
    await silent_writer.wait_closed()
