"""The channel `sms` through a real gammu-smsd, to a modem on a pty that loses messages."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from contract import topics
from contract.identity import new_event_id
from duty_desk.channels.channel import SEND_S
from duty_desk.channels.sms import channel as channel_module
from duty_desk.errors import ChannelError
from siaga.stack.mosquitto import Mosquitto
from siaga.stack.process import Process
from simulator.modem.network import Weather
from tests.duty_desk.channels.smsd import NUMBERS, Rig, page, rig
from tests.duty_desk.conftest import Box, Desk, box, press_body
from tests.warm import Warm

ONE, TWO = new_event_id(), new_event_id()
HIS = NUMBERS["petugas-1"]
ON_DUTY = """
[escalation]
[[escalation.policies]]
name = "SMS first"
devices = ["box-*"]
[[escalation.policies.steps]]
after_s = 0
rings = ["officer"]
channels = ["sms"]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(session_processes: set[Process]) -> AsyncIterator[Rig]:
    """Yield a channel with a modem, and a gammu-smsd, which takes 4 s to start.

    It syncs the disk a dozen times for each message: in memory, no other's writes take part of a page's 5 s.
    """
    with tempfile.TemporaryDirectory(prefix="siaga-sms-", dir="/dev/shm") as folder:
        async with rig(Path(folder) / "data") as made:
            session_processes.add(made.smsd)
            yield made


@pytest_asyncio.fixture(loop_scope="module")
async def real(shared: Rig) -> Rig:
    """Return a channel whose gammu-smsd has its modem."""
    await shared.well()
    return shared


async def answers(real: Rig, number: str, text: str) -> str:
    """Let a phone answer; return what was made of it."""
    before = len(real.spool.replies(1_000))
    real.service.incoming(number, text)
    await real.until(lambda: len(real.spool.replies(1_000)) > before)
    return real.spool.replies(1)[0].verdict


async def fails(real: Rig) -> tuple[ChannelError, float]:
    """Return why a page is not handed over, and after how many seconds in which this loop did not stand still."""
    stood_s = 0.0

    async def count() -> None:
        nonlocal stood_s
        while True:
            slept = time.monotonic()
            await asyncio.sleep(0.02)
            stood_s += time.monotonic() - slept - 0.02

    counting = asyncio.create_task(count())
    began = time.monotonic()
    with pytest.raises(ChannelError) as error:
        await real.sms.send(page(incident=ONE))
    took_s = time.monotonic() - began - stood_s
    counting.cancel()
    return error.value, took_s


def answered(real: Rig) -> tuple[str, str | None]:
    """Return which page was answered last, and how; reports of delivery come when they come."""
    last = [each for each in real.reports if each.outcome == "answered"][-1]
    return last.page, last.answer


async def lit(street: Box, state: str) -> None:
    """Wait until the lamp of the button `sos` is told to be so."""
    await street.wait(topics.lamp(street.device), lambda body: body["lamps"]["sos"] == state)


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_a_modem_that_is_pulled_out_is_told_and_works_again(shared: Rig) -> None:
    await shared.start()
    # Before it was asked for its reception, which says nothing of the network then.
    shared.service.unplug()
    error, took_s = await fails(shared)
    assert "plug it in anew" in error.detail
    assert took_s < SEND_S
    await shared.start()
    await shared.sms.send(page(incident=ONE))


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_a_page_goes_out_as_one_sms_and_its_delivery_and_its_answer_come_back(real: Rig) -> None:
    sent, told = page(incident=ONE), len(real.reports)
    assert real.sms.reaches("petugas-1")
    assert not real.sms.reaches("petugas-9")
    real.modem.sent.clear()
    assert (await real.sms.send(sent)).detail is None
    [came] = real.modem.sent
    assert came.number == HIS
    code = real.spool.pages(0)[-1].code
    assert came.text == (
        f"Tombol darurat: Jl. Braga 10 21:04:05. Lewat Jl. Lembong. ({code}) Balas 1=terima 2=tidak bisa"
    )
    assert came.septets <= 160
    assert came.validity == 1

    def mine() -> list[tuple[str, str | None]]:
        return [(each.outcome, each.answer) for each in real.reports[told:] if each.page == sent.id]

    await real.until(lambda: mine() == [("delivered", None)])
    assert await answers(real, HIS, "1") == "accept"
    assert mine() == [("delivered", None), ("answered", "accept")]


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_with_two_incidents_only_the_code_tells_which_and_it_is_asked_for(real: Rig) -> None:
    first, second = page("petugas-2", ONE), page("petugas-2", TWO, title="Tombol darurat: Jl. Asia Afrika 8")
    await asyncio.gather(real.sms.send(first), real.sms.send(second))
    codes = {each.page: each.code for each in real.spool.pages(0)}
    assert codes[first.id] != codes[second.id]
    told = len(real.reports)
    number = "08115550120"
    assert await answers(real, number, "1") == "kept: which incident is not clear"
    assert await answers(real, number, "saya datang 1") == "kept"
    assert await answers(real, "+628999999999", f"1 {codes[first.id]}") == "kept: nothing that is unanswered"
    assert await answers(real, HIS, f"1 {codes[second.id]}") == "kept: nothing that is unanswered"
    assert [each for each in real.reports[told:] if each.outcome == "answered"] == []
    assert await answers(real, number, f"2 {str(codes[second.id]).lower()}") == "cannot"
    assert answered(real) == (second.id, "cannot")
    await real.until(lambda: "1 " + str(codes[first.id]) in real.modem.sent[-1].text)
    real.over.add(TWO)
    assert await answers(real, number, "1") == "accept"
    assert answered(real) == (first.id, "accept")


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_a_test_is_confirmed_by_a_bare_1_and_a_number_that_was_changed_answers_nothing(real: Rig) -> None:
    real.over |= {ONE, TWO}
    sent = page("petugas-2")
    await real.sms.send(sent)
    assert real.modem.sent[-1].text.endswith("Balas 1=sampai")
    await real.contacts.set("petugas-2", "sms", "+6281233334444", 2)
    assert await answers(real, "+628115550120", "1") == "kept: nothing that is unanswered"
    await real.contacts.set("petugas-2", "sms", NUMBERS["petugas-2"], 3)
    assert await answers(real, "+628115550120", "1") == "accept"
    assert answered(real) == (sent.id, "accept")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "told", "gone"),
    [
        (322, "the SIM is full", False),
        (331, "no network", False),
        (28, "not known to the network", True),
        (310, "no SIM", False),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_what_the_modem_refuses_has_failed_with_what_to_do(real: Rig, code: int, told: str, gone: bool) -> None:
    real.modem.fail_next.append(code)
    error, took_s = await fails(real)
    assert told in error.detail
    assert error.gone is gone
    assert took_s < SEND_S


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_what_the_network_could_not_deliver_is_told(real: Rig) -> None:
    real.modem.network.weather = Weather(failed=1.0)
    sent = page(incident=ONE)
    await real.sms.send(sent)

    def failed() -> list[str | None]:
        return [each.detail for each in real.reports if (each.page, each.outcome) == (sent.id, "failed")]

    await real.until(lambda: bool(failed()))
    assert "could not deliver" in str(failed()[0])


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_a_restarted_desk_understands_answers_to_what_was_sent_before(real: Rig) -> None:
    sent = page(incident=TWO)
    real.over.add(ONE)
    await real.sms.send(sent)
    await real.restart()
    assert await answers(real, HIS, "Tidak.") == "cannot"
    assert answered(real) == (sent.id, "cannot")


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_a_press_is_accepted_by_an_sms_and_its_lamp_says_so(
    real: Rig, alarm_broker: Mosquitto, telemetry_broker: Mosquitto, warm: Warm
) -> None:
    desk = Desk(real.folder.parent, alarm_broker, telemetry_broker, warm=warm)
    with desk.config.open("a") as file:
        file.write(f'{ON_DUTY}[channels.sms]\nmodem = "{real.settings.modem}"\n')
    real.modem.sent.clear()
    await real.stop()  # the desk has the same sms.db, and answers what comes
    try:
        await asyncio.to_thread(desk.start)  # the modem is in this event loop
        async with box(desk.alarm) as street:
            await street.alarm(press_body())
            receipt = await street.receipt("stored")
            await lit(street, "received")
            await real.until(lambda: any(each.number == HIS for each in real.modem.sent))
            (page,) = [each for each in real.modem.sent if each.number == HIS]
            assert "Jl. Braga 10" in page.text
            real.service.incoming(HIS, "1")
            await lit(street, "accepted")
        (incident,) = await asyncio.to_thread(desk.incidents)
        assert (incident["id"], incident["state"], incident["officer"]) == (
            receipt["incident_id"],
            "accepted",
            "Petugas 1",
        )
    finally:
        await asyncio.to_thread(desk.process.stop)
        await real.restart()


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_a_modem_that_stops_to_answer_fails_in_time_and_nothing_is_left_to_be_sent(
    real: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    real.modem.silent = True
    error, took_s = await fails(real)
    assert "plug it in anew" in error.detail
    assert took_s < SEND_S
    last = real.spool.pages(0)[-1].page
    assert real.spool.states([last])[last].became == "gone"
    monkeypatch.setattr(channel_module, "DEAD_S", 0.0)
    error, took_s = await fails(real)
    assert "no sign of life" in error.detail
    assert took_s < SEND_S / 2


async def test_without_gammu_smsd_it_fails_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        error, took_s = await fails(made)
        assert "no sign of life of gammu-smsd" in error.detail
        assert took_s < SEND_S / 2
        assert made.spool.pages(0) == []
