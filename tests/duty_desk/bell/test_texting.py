"""The bell's SMS, by the real gammu-smsd's own command where one is needed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from contract.inventory import Inventory
from duty_desk.bell import texting
from duty_desk.bell.judge import Cause
from duty_desk.bell.texting import GammuInject, Texting
from duty_desk.channels.channel import Channel, ChannelError, Handed, Page, Tell

NUMBERS = ("+6281200000001", "+6281200000002")


class Modem:
    """A channel that takes pages, fails, or never answers."""

    name = "sms"
    personal = True

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.fails: set[str | None] = set()
        self.hangs: set[str | None] = set()
        self.news = asyncio.Condition()

    def reaches(self, who: str) -> bool:
        """Return that it has everybody's number."""
        return bool(who)

    async def send(self, page: Page) -> Handed:
        """Take a page."""
        async with self.news:
            self.pages.append(page)
            self.news.notify_all()
        if page.who in self.fails:
            raise ChannelError("no network")
        if page.who in self.hangs:
            await asyncio.Event().wait()
        return Handed()

    async def run(self, tell: Tell) -> None:
        """Nothing comes back."""

    async def wait(self, count: int) -> None:
        """Wait for so many pages."""
        async with asyncio.timeout(5), self.news:
            await self.news.wait_for(lambda: len(self.pages) >= count)


def made(modem: Channel) -> Texting:
    return Texting(modem, NUMBERS, "id", ZoneInfo("Asia/Jakarta"), Inventory, lambda: 1_795_325_400 * 10**9)


async def test_each_number_is_sent_it_though_another_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texting, "PAUSE_S", 0.01)
    modem = Modem()
    modem.fails = {NUMBERS[0]}
    one = made(modem)
    task = asyncio.create_task(one.run())
    one.say([Cause("desk", "desk")])
    await modem.wait(2)
    one.say([Cause("alarm broker", "alarm broker")])
    await modem.wait(4)
    task.cancel()
    assert [page.who for page in modem.pages] == [*NUMBERS, *NUMBERS]
    assert {page.status for page in modem.pages} == {"Actual"}
    assert "Meja" in modem.pages[0].text
    assert "Broker" in modem.pages[3].text
    assert one.fault == "sms: no network"


async def test_what_nobody_could_be_sent_is_tried_again_and_no_more_than_ten_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(texting, "PAUSE_S", 0.001)
    modem = Modem()
    modem.fails = set(NUMBERS)
    one = made(modem)
    task = asyncio.create_task(one.run())
    one.say([Cause("desk", "desk")])
    await modem.wait(2 * texting.MAX_TRIES)
    await asyncio.sleep(0.05)
    task.cancel()
    assert len(modem.pages) == 2 * texting.MAX_TRIES
    assert {page.text for page in modem.pages} == {modem.pages[0].text}


async def test_a_modem_that_does_not_answer_is_given_up_within_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texting, "SEND_S", 0.05)
    modem = Modem()
    modem.hangs = set(NUMBERS)
    one = made(modem)
    with pytest.raises(ChannelError, match="no answer"):
        await one.test()
    assert modem.pages[0].status == "Test"
    modem.hangs = set()
    await one.test()
    assert one.fault is None


@pytest.fixture
def smsdrc(tmp_path: Path) -> Path:
    """Return the configuration of a gammu-smsd that keeps its messages in files."""
    for name in ("outbox", "inbox", "sent", "error"):
        (tmp_path / name).mkdir()
    folders = "".join(f"{name}path = {tmp_path / name}/\n" for name in ("outbox", "inbox", "sent"))
    file = tmp_path / "gammu-smsdrc"
    file.write_text(
        f"[gammu]\ndevice = /dev/null\nconnection = at\n[smsd]\nservice = files\n{folders}"
        f"errorsmspath = {tmp_path / 'error'}/\n"
    )
    return file


@pytest.mark.slow
async def test_the_real_gammu_takes_it_into_its_outbox(smsdrc: Path) -> None:
    one = made(GammuInject(smsdrc))
    await one.test()
    files = sorted((smsdrc.parent / "outbox").iterdir())
    assert [number in file.name for number in NUMBERS for file in files].count(True) == 2
    assert all(b"U\0J\0I" in file.read_bytes() or b"UJI" in file.read_bytes() for file in files)


@pytest.mark.slow
async def test_a_gammu_that_cannot_take_it_says_what_to_look_at(smsdrc: Path) -> None:
    smsdrc.write_text("[smsd]\nservice = nothing\n")
    with pytest.raises(ChannelError, match="gammu-smsdrc"):
        await made(GammuInject(smsdrc)).test()
