"""What a killed agent took with it: known to the last reading, whatever the card did meanwhile."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from contract.batch import Range, TelemetryReceipt
from edge_agent.batch_commands import KeepBatches, Key, StoredRow
from edge_agent.books import KILLED, LOST, MOST_JOBS, POWER_CUT, Books, Job, Note, decode_note, encode_note
from edge_agent.clock import EARLIEST_NS, Anchor, Clock
from edge_agent.clock_floor import LifeRecord
from edge_agent.drivers.base import Sample
from edge_agent.gatherer import Gatherer
from edge_agent.runtime_file import MAX_BYTES, RuntimeFile
from edge_agent.telemetry_lane import KEEP_AFTER_NS, TelemetryLane

S = 10**9
NOW = EARLIEST_NS + 86_400 * S


class Life:
    """A life of the agent on a folder: its lanes, its books, and a card that does as it is told."""

    def __init__(self, folder: Path, number: int, card: dict[Key, int], boot: str = "boot-1") -> None:
        self.stream = f"{number:016x}"
        self.card = card
        self.now_ns = number * 10_000 * S
        self.dropped: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.clock = Clock(0, self.now_ns)
        self.gatherer = Gatherer(self.clock, self.dropped)
        self.lane = TelemetryLane("box-1", self.stream, self.dropped, max_bytes=10**9)
        self.books = Books(
            boot,
            self.stream,
            clock=self.clock,
            gatherer=self.gatherer,
            lane=self.lane,
            dropped=self.dropped,
            faults=self.faults,
        )
        self.file = RuntimeFile(folder / "notes")
        self.books.begin(self.file)

    def restore(self) -> int:
        """The card answers; return what was lost."""
        rows = [StoredRow(key, readings, 100, sent=True, thinned=False) for key, readings in self.card.items()]
        self.books.restored(dict(self.card))
        self.lane.restore(rows, 0)
        self.books.changed()
        return self.dropped[LOST]

    def sample(self, readings: int) -> None:
        for _ in range(readings):
            self.now_ns += 1
            self.gatherer.add("level", Sample("water_level", {"level_m": 1.0}, self.now_ns, None), self.now_ns)
            self.books.changed()

    def batch(self) -> None:
        """Close what is open."""
        while (batch := self.gatherer.close(self.now_ns, sending=False, flush=True)) is not None:
            self.lane.add(batch.readings, self.now_ns)
        self.books.changed()

    def keep(self) -> KeepBatches:
        """The card is asked to keep all there is."""
        self.now_ns += KEEP_AFTER_NS
        (command,) = [one for one in self.lane.due(self.now_ns, sending=False) if isinstance(one, KeepBatches)]
        self.books.keeping(command.keys)
        return command

    def commit(self, command: KeepBatches) -> None:
        """The card has done so, and nobody knows yet."""
        self.card.update({row.key: row.readings for row in command.rows})

    def answer(self, command: KeepBatches) -> None:
        """The agent hears of it."""
        self.lane.kept(command.keys, [100] * len(command.keys), 0)
        self.books.answered(command.keys)

    def receipt(self, first: int, last: int) -> None:
        span = Range(stream=self.stream, first=first, last=last)
        self.lane.receipt(TelemetryReceipt(device="box-1", ranges=[span]), self.now_ns)
        self.books.changed()

    def kill(self) -> None:
        self.file.close()

    def balance(self) -> bool:
        produced = self.gatherer.produced + self.lane.restored + self.books.lost
        waiting = self.gatherer.waiting + self.lane.waiting
        return produced == self.lane.receipted + waiting + self.dropped.total()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_held_open_and_batched_readings_are_lost_and_those_on_the_card_are_not(folder: Path) -> None:
    card: dict[Key, int] = {}
    first = Life(folder, 1, card)
    assert first.restore() == 0
    first.sample(3)
    first.batch()
    command = first.keep()
    first.commit(command)
    first.answer(command)
    first.sample(4)
    first.batch()  # a batch in memory
    first.sample(5)  # held for a trusted clock
    first.clock.tell("ntp", NOW, first.now_ns)
    first.sample(6)  # open
    assert first.books.in_memory == 15
    first.kill()
    second = Life(folder, 2, card)
    assert second.books.lost == 0, "until the card has answered"
    assert second.restore() == 15
    assert second.lane.waiting == 3
    assert second.balance()
    assert not second.faults
    second.kill()


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_that_nobody_heard_of_is_asked_of_the_card(folder: Path, committed: bool) -> None:
    card: dict[Key, int] = {}
    first = Life(folder, 1, card)
    first.restore()
    for readings in (7, 8, 9):
        first.sample(readings)
        first.batch()
    command = first.keep()
    first.receipt(1, 1)  # one of them has its receipt meanwhile
    first.sample(2)
    if committed:
        first.commit(command)
    first.kill()
    second = Life(folder, 2, card)
    assert second.restore() == (2 if committed else 2 + 7 + 9)
    assert second.balance()
    second.kill()


def test_a_life_that_is_killed_before_the_card_answers_passes_on_what_it_was_left(folder: Path) -> None:
    card: dict[Key, int] = {}
    first = Life(folder, 1, card)
    first.restore()
    first.sample(7)
    first.batch()
    first.commit(first.keep())
    first.sample(2)
    first.kill()
    for number in (2, 3, 4):
        life = Life(folder, number, card)
        life.sample(10)
        life.kill()
    last = Life(folder, 5, card)
    assert last.restore() == 2 + 3 * 10
    assert last.balance()
    last.kill()


def test_a_loss_that_was_not_told_outlives_a_life_to_which_the_card_never_answered(folder: Path) -> None:
    first = Life(folder, 1, {})
    first.restore()
    first.sample(7)
    first.kill()
    second = Life(folder, 2, {})
    second.restore()
    second.kill()
    third = Life(folder, 3, {})
    third.sample(2)
    third.kill()
    fourth = Life(folder, 4, {})
    assert fourth.restore() == 9
    fourth.kill()


def test_a_report_from_before_the_loss_was_known_tells_nobody(folder: Path) -> None:
    first = Life(folder, 1, {})
    first.restore()
    first.sample(7)
    first.kill()
    second = Life(folder, 2, {})
    assert second.restore() == 7
    second.books.reported(0)
    second.kill()
    third = Life(folder, 3, {})
    assert third.restore() == 7
    third.kill()


def test_commands_that_were_answered_are_noted_no_more(folder: Path) -> None:
    life = Life(folder, 1, {})
    for number in range(5):
        life.books.keeping(((life.stream, number),))
        life.books.answered(((life.stream, number),))
    assert life.books.note().jobs == ()
    life.kill()


def test_a_loss_is_told_until_a_report_was_sent(folder: Path) -> None:
    first = Life(folder, 1, {})
    first.restore()
    first.sample(7)
    first.kill()
    second = Life(folder, 2, {})
    assert second.restore() == 7
    second.sample(1)
    second.kill()
    third = Life(folder, 3, {})
    assert third.restore() == 8, "nobody was told of the seven"
    third.books.reported(0)  # a report from before they were known
    third.books.reported(8)
    third.sample(2)
    third.kill()
    fourth = Life(folder, 4, {})
    assert fourth.restore() == 2
    fourth.kill()


def test_what_the_card_no_longer_has_is_lost_too(folder: Path) -> None:
    card: dict[Key, int] = {}
    first = Life(folder, 1, card)
    first.restore()
    first.sample(7)
    first.batch()
    command = first.keep()
    first.commit(command)
    first.answer(command)
    first.kill()
    card.clear()  # the file was damaged and set aside
    second = Life(folder, 2, card)
    assert second.restore() == 7
    assert second.balance()
    second.kill()


def test_the_clock_goes_on_within_a_boot_and_not_after_it(folder: Path) -> None:
    first = Life(folder, 1, {})
    first.clock.tell("gnss", NOW, first.now_ns)
    first.books.changed()
    first.kill()
    second = Life(folder, 2, {})
    assert second.clock.source == "gnss"
    assert second.clock.time_ns(first.now_ns + S) == NOW + S
    second.kill()
    third = Life(folder, 3, {}, boot="boot-2")
    assert not third.clock.trusted
    assert third.restore() == 0
    third.kill()


@pytest.mark.parametrize(
    ("boot", "clean", "fault"),
    [
        ("boot-0", False, {POWER_CUT: 1}),
        ("boot-1", False, {KILLED: 1}),
        ("boot-0", True, {}),
    ],
)
def test_a_life_of_which_tmpfs_knows_nothing_is_a_fault_unless_it_ended_clean(
    folder: Path, boot: str, clean: bool, fault: dict[str, int]
) -> None:
    life = Life(folder, 2, {})
    life.books.last_life(LifeRecord(NOW, 0, f"{1:016x}", boot, clean))
    assert life.faults == fault
    assert life.books.previous_stream == f"{1:016x}"
    life.kill()


def test_a_life_that_tmpfs_knows_is_no_fault(folder: Path) -> None:
    first = Life(folder, 1, {})
    first.kill()
    second = Life(folder, 2, {})
    second.books.last_life(LifeRecord(NOW, 0, first.stream, "boot-1", clean=False))
    assert not second.faults
    assert second.books.previous_stream == first.stream
    second.books.last_life(None)
    second.kill()


def test_after_a_clean_end_nothing_is_left(folder: Path) -> None:
    first = Life(folder, 1, {})
    first.restore()
    first.books.end(clean=True)
    assert not (folder / "notes").exists()
    second = Life(folder, 2, {})
    assert second.restore() == 0
    second.sample(3)
    second.books.end(clean=False)
    third = Life(folder, 3, {})
    assert third.restore() == 3
    third.kill()


def test_notes_are_bounded_however_many_commands_wait_for_the_card() -> None:
    anchor = Anchor("none", 2**63, 2**63)
    job = Job("f" * 16, 2**63, 2**63)
    note = Note("b" * 64, "f" * 16, anchor, 2**63, 2**63, 2**63, 2**63, (job,) * MOST_JOBS)
    assert decode_note(encode_note(note)) == note
    assert len(encode_note(note)) <= MAX_BYTES
    crowded = replace(note, jobs=(job,) * MOST_JOBS)
    assert crowded.lost({}) == 3 * 2**63


@pytest.mark.parametrize("told", [b"", b"{}", b"[]", b"null", b'{"anchor": 1}', b"\xff"])
def test_what_another_version_noted_is_nothing(told: bytes) -> None:
    assert decode_note(told) is None


def test_more_commands_than_are_noted_count_as_lost(folder: Path) -> None:
    life = Life(folder, 1, {})
    life.restore()
    for number in range(MOST_JOBS + 3):
        life.books.keeping(((life.stream, number),))
    assert len(life.books.note().jobs) == MOST_JOBS
    life.kill()
