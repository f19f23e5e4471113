"""The archive: what is found, in which order, page by page, and what is told of one incident."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contract.identity import new_event_id
from duty_desk.errors import ArchiveBusyError, UnknownIncidentError
from duty_desk.incidents.board import Board, Report
from duty_desk.incidents.records import Record
from duty_desk.ledger import archive, archive_query
from duty_desk.ledger.archive import Archive
from duty_desk.ledger.archive_query import Filter, cursor
from duty_desk.ledger.derived import mend
from duty_desk.ledger.erase import erase
from duty_desk.ledger.tables import open_engine
from tests.duty_desk.ledger.life import write
from tests.duty_desk.test_incident import NOW, ONE, OPERATOR, TWO, alarm

pytestmark = pytest.mark.slow

SECOND = 1_000_000_000


@dataclass
class Past:
    """An archive of five incidents, by name, opened a second after one another."""

    archive: Archive
    path: Path
    ids: dict[str, str]

    async def found(self, chosen: Filter) -> list[str]:
        """Return the names of the incidents found, the latest first."""
        names = {incident_id: name for name, incident_id in self.ids.items()}
        return [names[found.summary.id] for found in (await self.archive.search(chosen)).incidents]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Yield an archive."""
    path = tmp_path_factory.mktemp("archive") / "ledger.db"
    board, ids, records = Board(), {}, list[Record]()

    def happen(record: Record) -> str:
        incident = board.apply(record)
        assert incident is not None
        records.append(record)
        return incident.id

    for second, name in enumerate(("utara", "selatan", "timur")):
        ids[name] = happen(board.press(alarm(name), "alarm", NOW + second * SECOND))
    ids["drill"] = happen(board.press(alarm("utara", "Exercise"), "alarm", NOW + 3 * SECOND))
    report = Report(key=new_event_id(), origin="call", category="fire", address="Jl. 50% Dago", caller="0812")
    ids["call"] = happen(board.report(report, OPERATOR, NOW + 4 * SECOND))
    happen(board.act("accept", ids["utara"], ONE, NOW + 10 * SECOND))
    happen(board.act("accept", ids["selatan"], TWO, NOW + 11 * SECOND))
    happen(board.act("cancel", ids["utara"], ONE, NOW + 12 * SECOND, note="kucing di atap", reason="false_alarm"))
    write(path, iter(records))
    mend(open_engine(path))
    made = Archive(path)
    yield Past(made, path, ids)
    made.close()


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        (Filter(), ["call", "drill", "timur", "selatan", "utara"]),
        (Filter(from_ns=NOW + SECOND, to_ns=NOW + 3 * SECOND), ["timur", "selatan"]),
        (Filter(states=frozenset({"cancelled", "accepted"})), ["selatan", "utara"]),
        (Filter(origins=frozenset({"call"})), ["call"]),
        (Filter(statuses=frozenset({"Exercise"})), ["drill"]),
        (Filter(officer="Petugas 1"), ["utara"]),
        (Filter(officer="Petugas"), []),
        (Filter(officer="Operator 112"), ["call"]),
        (Filter(text="KUCING"), ["utara"]),
        (Filter(text="utara"), ["drill", "utara"]),
        (Filter(text="dago"), ["call"]),
        (Filter(text="50%"), ["call"]),
        (Filter(text="5_%"), []),
        (Filter(text="0812"), ["call"]),
        (Filter(text="box-1"), ["drill", "timur", "selatan", "utara"]),
        (Filter(text="nothing like it"), []),
        (Filter(text="braga", places=frozenset({("box-1", "timur")})), ["timur"]),
        (Filter(text="utara", statuses=frozenset({"Actual"}), officer="Petugas 1"), ["utara"]),
        (Filter(text="'; DROP TABLE incident; --"), []),
    ],
)
@pytest.mark.parametrize("few", [0, 500])
async def test_what_is_asked_for_is_found_latest_first(
    past: Past, chosen: Filter, names: list[str], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever way it is looked for: by the texts where they are few, by the incidents where they are many."""
    monkeypatch.setattr(archive_query, "_FEW", few)
    assert await past.found(chosen) == names


async def test_an_id_is_found_by_a_part_of_it(past: Past) -> None:
    incident_id = past.ids["timur"]
    assert await past.found(Filter(text=incident_id[-12:].upper())) == ["timur"]


async def test_pages_follow_one_another_without_gap_or_overlap(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    board = Board()
    # Three open at each moment.
    records = [board.press(alarm(f"b{number}"), "alarm", NOW + number // 3 * SECOND) for number in range(220)]
    write(path, iter(records), together=100)
    mend(open_engine(path))
    whole = Archive(path)
    everything = [found.summary for found in (await whole.search(Filter(), limit=10_000)).incidents]
    assert len(everything) == 200
    second = await whole.search(Filter(), (await whole.search(Filter(), limit=200)).after, limit=200)
    everything += [found.summary for found in second.incidents]
    assert len({one.id for one in everything}) == 220
    assert everything == sorted(everything, key=lambda one: (one.opened_at_ns, one.first), reverse=True)
    paged, after = [], None
    while True:
        page = await whole.search(Filter(), after, limit=7)
        paged += [found.summary for found in page.incidents]
        after = page.after
        if after is None:
            break
    assert paged == everything
    whole.close()


@pytest.mark.parametrize("after", ["", "1", "1-", "-1", "x-1", "1-1-1", "9" * 19 + "-1", "1-" + "9" * 19])
def test_what_no_page_gave_is_refused(after: str) -> None:
    with pytest.raises(ValueError, match="the page before"):
        cursor(after)


async def test_a_timeline_tells_every_row_with_its_texts_and_an_erasure(past: Past) -> None:
    told = await past.archive.timeline(past.ids["utara"])
    kinds = [(line.entry.kind, line.texts) for line in told.lines if line.entry is not None]
    assert kinds == [
        ("press", {}),
        ("accept", {"officer": "Petugas 1"}),
        ("cancel", {"officer": "Petugas 1", "note": "kucing di atap"}),
    ]
    assert (told.found.officer, told.found.summary.reason, told.after) == ("Petugas 1", "false_alarm", None)
    call = (await past.archive.timeline(past.ids["call"])).found
    assert (call.address, call.officer, call.summary.category) == ("Jl. 50% Dago", None, "fire")
    with pytest.raises(UnknownIncidentError):
        await past.archive.timeline(new_event_id())
    erase(past.path, past.ids["selatan"], ["officer"], who="root", why="x", now_ns=NOW)
    lines = (await past.archive.timeline(past.ids["selatan"])).lines
    assert [line.texts for line in lines] == [{}, {}, {"who": "root", "why": "x"}]


async def test_a_long_timeline_is_told_in_parts(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_query, "MAX_TIMELINE", 2)
    first = await past.archive.timeline(past.ids["utara"])
    assert (len(first.lines), first.after) == (2, first.lines[-1].sequence)
    rest = await past.archive.timeline(past.ids["utara"], first.after or 0)
    assert ([line.sequence for line in rest.lines], rest.after) == ([8], None)


async def test_too_many_searches_and_too_long_ones_are_refused(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [asyncio.ensure_future(past.archive.search(Filter())) for _ in range(40)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, ArchiveBusyError)]
    assert len(refused) == 40 - archive._WORKERS - archive._WAITING
    assert await past.found(Filter())  # there is room again
    monkeypatch.setattr(archive, "_TOO_LONG_S", -1.0)
    monkeypatch.setattr(archive, "_STEPS", 1)
    with pytest.raises(ArchiveBusyError, match="ask for less"):
        await past.archive.search(Filter())


async def test_whoever_asked_may_go_and_the_room_comes_back(past: Past) -> None:
    for _ in range(30):
        asked = asyncio.ensure_future(past.archive.search(Filter()))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        while past.archive._room < archive._WORKERS + archive._WAITING:  # noqa: ASYNC110 - a thread's end tells nobody
            await asyncio.sleep(0.001)
    assert await past.found(Filter())
