"""Whom a fault of duty calls, by what, and that a channel that hangs or fails holds nobody up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from duty_desk.channels.channel import SEND_S, ChannelError, Handed, Page, Tell
from duty_desk.duty import calling
from duty_desk.duty.calling import Calls
from duty_desk.duty.faults import Fault, FaultKind
from duty_desk.incidents.entries import PageEntry
from duty_desk.incidents.records import Record
from tests.duty_desk.duty.night import Night


class Line:
    """A channel that keeps what it was handed, fails, or hangs."""

    def __init__(self, name: str, how: str = "works", *, personal: bool = True) -> None:
        self.name = name
        self.personal = personal
        self.pages: list[Page] = []
        self._how = how

    def reaches(self, who: str) -> bool:
        """Say that everybody has an address but one."""
        return who != "petugas-2"

    async def send(self, page: Page) -> Handed:
        """Keep it, fail, or hang."""
        self.pages.append(page)
        if self._how == "fails":
            raise ChannelError("no network")
        if self._how == "breaks":
            raise KeyError("unforeseen")
        if self._how == "hangs":
            await asyncio.Event().wait()
        return Handed()

    async def run(self, tell: Tell) -> None:
        """Hear nothing, for ever."""
        await asyncio.Event().wait()


async def called(night: Night, lines: list[Line], kind: FaultKind, who: str = "") -> list[Record]:
    notes: list[Record] = []
    calls = Calls({line.name: line for line in lines}, str.upper, notes.append, lambda: night.now_ns)
    calls.about(Fault(kind, who, night.now_ns, "1/2"), night.duty, "id")
    async with asyncio.timeout(5):
        while len(notes) < sum(len(line.pages) for line in lines) or not notes:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)
    return notes


@pytest.mark.parametrize(
    ("kind", "who", "people"),
    [
        ("consoles", "", {"petugas-1", "pengawas-1"}),
        ("nobody", "", {"petugas-1", "pengawas-1"}),
        ("channel", "petugas-2", {"pengawas-1"}),
        ("unconfirmed", "petugas-2", {"pengawas-1"}),
        ("gap", "", {"pengawas-1"}),
        ("roster", "", {"pengawas-1"}),
    ],
)
async def test_a_fault_calls_whom_it_concerns_by_all_that_reaches_them(
    tmp_path: Path, kind: FaultKind, who: str, people: set[str]
) -> None:
    night = Night(tmp_path)
    night.until("2026-12-01 07:01")
    lines = [Line("push"), Line("sms"), Line("siren", personal=False)]
    await called(night, lines, kind, who)
    assert [{page.who for page in line.pages} for line in lines] == [people, people, set()]
    page = lines[0].pages[0]
    assert page.title.startswith("GANGGUAN PIKET: ")
    assert len(page.title) <= 60
    assert (page.status, page.incident_id, page.path) == ("Actual", None, "/duty")


async def test_what_became_of_each_call_is_written_down_and_none_waits_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SEND_S == 5
    monkeypatch.setattr(calling, "SEND_S", 0.05)
    night = Night(tmp_path)
    lines = [Line("push"), Line("sms", "fails"), Line("email", "hangs"), Line("ntfy", "breaks")]
    notes = await called(night, lines, "gap")
    entries = {each.entry.channel: each.entry for each in notes if isinstance(each.entry, PageEntry)}
    outcomes = {name: (entry.outcome, entry.detail) for name, entry in entries.items()}
    assert outcomes == {
        "push": ("handed", None),
        "sms": ("failed", "no network"),
        "email": ("failed", "no answer within 0.05 s"),
        "ntfy": ("failed", "KeyError"),
    }
    assert {each.text("who") for each in notes} == {"pengawas-1"}


async def test_at_most_so_many_calls_are_on_their_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "MAX_CALLS", 3)
    monkeypatch.setattr(calling, "SEND_S", 0.02)
    line = Line("push", "hangs")
    notes: list[Record] = []
    calls = Calls({"push": line}, str, notes.append, lambda: 1)
    calls.call((f"petugas-{number}" for number in range(10, 20)), "x", "y")
    async with asyncio.timeout(5):
        while len(notes) < 3:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)
    assert len(line.pages) == 3
