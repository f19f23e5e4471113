"""What an owner says of its pair, how its channels wait, what a standby answers, and what desk.toml may say."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from contract import topics
from contract.errors import ConfigError
from duty_desk.channels.channel import Handed, Page, Tell
from duty_desk.ledger.place import Server
from duty_desk.outbound import Outbound
from duty_desk.pair import reach as reach_module
from duty_desk.pair.keys import apart, missing
from duty_desk.pair.memory import Memory, read_memory
from duty_desk.pair.owner import NOBODY, Gated, wrong
from duty_desk.pair.page import Shown, page
from duty_desk.pair.reach import Reach
from duty_desk.pair.settings import PairSettings, check_pair
from duty_desk.pair.shared import Standing
from duty_desk.pair.tenure import Tenure, boottime_ns
from duty_desk.settings import load_desk
from link import Session
from siaga.stack.client import connection
from siaga.stack.mosquitto import Mosquitto
from tests.duty_desk.conftest import Desk


def test_a_standby_that_was_not_seen_for_30_s_is_told_and_what_it_lacks_at_once() -> None:
    seen, gone = Standing("desk-2", silent_ms=29_000), Standing("desk-2", silent_ms=200_000, fault="lacks")
    assert wrong("desk", seen, None, 60) == {}
    assert wrong("desk", None, None, 29) == {}
    assert NOBODY in wrong("desk", None, None, 31)
    assert wrong("desk", gone, None, 60) == {"desk-2": "cadangan tidak terlihat 3 mnt / standby not seen for 3 min"}
    assert wrong("desk", gone, None, 10) == {"desk-2": "cadangan / standby: lacks"}, "it was the owner a moment ago"
    assert list(wrong("desk", seen, "accounts.db: larger", 60)) == ["desk"]


def test_a_key_that_only_the_owner_has_or_that_differs_is_named() -> None:
    assert missing({"push": "a", "command": "b"}, {"push": "a", "command": "b"}) is None
    assert missing({"push": "a", "command": "b"}, {}) is None
    told = missing({"command": "c"}, {"push": "a", "command": "b"})
    assert told is not None
    assert "push.pem (kunci notifikasi / the key of push): tidak ada / missing" in told
    assert "berbeda / another" in told


def test_a_standby_with_the_owners_account_says_so_and_does_not_throw_it_out() -> None:
    own = {"account-alarm": "a", "account-telemetry": "b"}
    assert apart(own, {"account-alarm": "c", "account-telemetry": "d"})
    assert not apart(own, {"account-alarm": "c", "account-telemetry": "b"})
    assert not apart(own, {"push": "c"}), "it is not known"
    assert missing(own, {"account-alarm": "c", "account-telemetry": "d"}) is None
    told = missing(own, {"account-alarm": "c", "account-telemetry": "b"})
    assert told == "telemetry: akun broker sama dengan pemilik / the owner's own account at the broker"


class _Channel:
    """A channel that remembers."""

    name, personal = "sms", True

    def __init__(self) -> None:
        self.sent: list[str] = []

    def reaches(self, who: str) -> bool:
        return who == "petugas-1"

    async def send(self, page: Page) -> Handed:
        self.sent.append(page.id)
        return Handed()

    async def run(self, tell: Tell) -> None:
        raise NotImplementedError


async def test_a_page_waits_until_the_desk_may_act_and_is_not_sent_by_one_that_may_no_more() -> None:
    channel, tenure = _Channel(), Tenure("desk", 1, 60 * 10**9, renewed_ns=boottime_ns())
    gated = Gated(channel, tenure)
    assert (gated.name, gated.personal, gated.reaches("petugas-1"), gated.reaches("x")) == ("sms", True, True, False)
    asked = Page("1", "petugas-1", "P", "Actual", "t", "t", None, "/", 1)
    sending = asyncio.create_task(gated.send(asked))
    await asyncio.sleep(0)
    assert channel.sent == []
    tenure.announce()
    await sending
    assert channel.sent == ["1"]
    tenure.lose("another")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.12):
            await gated.send(asked)
    assert channel.sent == ["1"]


@pytest.mark.slow
async def test_a_receipt_and_a_lamp_wait_until_the_desk_may_act(alarm_broker: Mosquitto) -> None:
    allowed, heard = asyncio.Event(), []
    session = Session(alarm_broker.service("desk"), "desk")
    outbound = Outbound(session, lambda device: (topics.lamp(device), b"lamp"), allowed.is_set)
    async with connection(alarm_broker.probe(), "witness") as witness:
        await witness.subscribe("siaga/v1/#", qos=1)
        tasks = [asyncio.create_task(each) for each in (session.run(), outbound.work(), outbound.work())]
        await session.wait_connected()
        outbound.send(topics.alarm_receipt("box-1"), b"receipt")
        outbound.lamps("box-1")
        for _ in range(5):
            await asyncio.sleep(0.06)  # longer than it looks whether it may
        await session.publish(topics.HEARTBEAT, b"beat")
        async for message in witness.messages:
            assert isinstance(message.payload, bytes)
            heard.append(message.payload)
            if message.payload == b"beat":
                allowed.set()
            if len(heard) == 3:
                break
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert heard[0] == b"beat"
    assert set(heard[1:]) == {b"receipt", b"lamp"}


def test_what_a_desk_remembers_of_its_own_survives_and_a_damaged_file_is_nothing(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "pair.json", "desk", 7, {"accounts.db": (3, "ab")}, again=True)
    memory.save()
    assert read_memory(tmp_path, "desk") == memory
    for damaged in ("", "[]", '{"epoch": 1}', '{"epoch": 1, "files": {"a": 1}}', "\x00"):
        memory.path.write_text(damaged)
        assert read_memory(tmp_path, "desk") == Memory(memory.path, "desk")


def test_a_folder_that_was_copied_from_the_other_desk_tells_nothing_of_who_owned(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "pair.json", "desk", 7, {"accounts.db": (3, "ab")}, again=True)
    memory.save()
    assert read_memory(tmp_path, "desk-2") == Memory(memory.path, "desk-2", None, memory.files)
    body = json.loads(memory.path.read_bytes())
    del body["name"]  # of a release of before
    memory.path.write_text(json.dumps(body))
    assert read_memory(tmp_path, "desk").epoch is None


def test_the_page_of_a_standby_escapes_what_it_names() -> None:
    told = page(Shown("desk-2", "<b>", 'https://x/"', "<script>", answers=False))
    assert "<script>" not in told
    assert "<b>" not in told
    assert "&lt;script&gt;" in told
    assert "does not answer" in told


def test_a_pair_needs_a_ledger_on_a_server(idle: Desk) -> None:
    idle.config.write_text(idle.config.read_text() + '[pair]\nname = "desk-2"\n')
    with pytest.raises(ConfigError, match="siaga desk ledger move"):
        load_desk(idle.config)
    check_pair("desk.toml", PairSettings(name="desk-2"), Server("postgresql://siaga@localhost/ledger"))
    check_pair("desk.toml", None, Path("ledger.db"))
    idle.config.write_text(idle.config.read_text().replace('"desk-2"', '"desk 2"\nlease_s = 1'))
    with pytest.raises(ConfigError, match=r"pair\.(name|lease_s)"):
        load_desk(idle.config)


async def test_a_standby_says_which_broker_refuses_it_or_is_not_there(
    idle: Desk, alarm_broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = alarm_broker.probe()
    assert good.credentials is not None
    bad = replace(good, credentials=replace(good.credentials, password="wrong"))
    reach = Reach(replace(load_desk(idle.config), brokers={"alarm": good, "telemetry": bad}))
    assert not reach.any
    monkeypatch.setattr(reach_module, "_AWAY_NS", -1)
    assert reach.wrong() == [], "it is not to connect yet"
    monkeypatch.undo()
    reach.start()
    async with asyncio.timeout(10.0):
        while not (reach.any and reach.wrong()):  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(0.02)
    (told,) = reach.wrong()
    assert told.startswith("broker telemetry / telemetry broker: ")
    await reach.stop()
    assert not reach.any
    monkeypatch.setattr(reach_module, "_AWAY_NS", -1)
    assert "broker alarm / alarm broker: tidak terjangkau / not reached" in reach.wrong()
