"""Books of a simulated device against a simulated store: never a false alarm, and a loss is seen with its number."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.books import EDGE_S, HOUR_NS, Counted, Mark, Verdict, Window, judge, mark, window, windows
from collector.books_file import BooksFile, read_marks
from tests.edge_agent.test_report_size import report

T0_NS = 500_000 * HOUR_NS
S = 10**9


def _mark(at_s: float, produced: int, waiting: int = 0, dropped: int = 0, **changes: object) -> Mark:
    whole = Mark(
        T0_NS + int(at_s * S), "b", "", True, produced, produced - waiting - dropped, waiting, dropped, waiting
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


@dataclass
class City:
    """A device and a store. Each second a reading; every 60 s a report; receipts 5 s later unless `cut`."""

    lost: int = 0
    life: int = 0
    produced: int = 0
    dropped: int = 0
    at_s: int = 0
    waiting: list[int] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    def run(self, seconds: int, *, cut: bool = False) -> None:
        """Let time pass."""
        for _ in range(seconds):
            self.at_s += 1
            self.produced += 1
            self.waiting.append(self.at_s)
            while self.waiting and not cut and self.waiting[0] <= self.at_s - 5:
                arrived = self.waiting.pop(0)
                if self.lost:
                    self.lost -= 1
                else:
                    self.stored.append(arrived)
            if self.at_s % 60 == 0 and not cut:
                stream, previous = f"{self.life:016x}", f"{self.life - 1:016x}"
                told = _mark(self.at_s, self.produced, len(self.waiting), self.dropped)
                self.marks.append(replace(told, stream=stream, previous_stream=previous))

    def restart(self, *, keeps: bool) -> None:
        """Start the program again; what waited is on the card, or lost and told as lost."""
        self.life += 1
        self.produced = len(self.waiting)
        self.dropped = 0 if keeps else len(self.waiting)
        if not keeps:
            self.waiting.clear()

    def drop(self, number: int) -> None:
        """Drop the oldest that wait."""
        del self.waiting[:number]
        self.dropped += number

    def verdicts(self) -> list[Verdict]:
        """Return each window judged."""
        quiet = [replace(one, backlog=max(0, one.waiting - min(120, one.produced))) for one in self.marks]
        return [self._judge(one) for one in windows(quiet)]

    def _judge(self, one: Window) -> Verdict:
        edge = int(EDGE_S * S)
        narrow, wide = (
            sum(one.begin_ns - by < T0_NS + at * S <= one.end_ns + by for at in self.stored) for by in (-edge, edge)
        )
        return judge(one, Counted(narrow, wide), 0)


def test_a_device_that_is_well_is_balanced_hour_by_hour_and_up_to_now() -> None:
    city = City()
    city.run(4 * 3_600)
    told = city.verdicts()
    assert {one.state for one in told} == {"balanced"}
    assert not told[-1].window.settled
    assert told[1].expected == 3_600


def test_what_the_store_lost_is_short_by_its_number() -> None:
    city = City()
    city.run(3_600)
    city.lost = 100
    city.run(3_600 * 3)
    told = city.verdicts()
    assert [one.state for one in told] == ["balanced", "short", "balanced", "balanced", "balanced"]
    assert told[1].difference == pytest.approx(-100, abs=2 * EDGE_S)
    assert "neither stored nor accounted for" in told[1].why


def test_what_is_on_the_way_leaves_the_newest_open_and_what_had_its_receipt_must_be_there_at_once() -> None:
    newest = window([_mark(0, 0), _mark(600, 600, 40)], [])
    assert not newest.settled
    states = {stored: judge(newest, Counted(stored, stored), 0) for stored in (600, 599, 560, 559, 601)}
    assert [one.state for one in states.values()] == ["balanced", "open", "open", "short", "surplus"]
    assert (states[559].difference, states[601].difference) == (-1, 1)
    assert judge(newest, Counted(550, 550), 10).state == "open"
    assert judge(newest, Counted(590, 590), 10).state == "balanced"


def test_a_backlog_is_no_loss_while_it_waits_nor_when_it_has_come() -> None:
    city = City()
    city.run(3_600)
    city.run(2_000, cut=True)
    city.run(3_600 * 2)
    assert {one.state for one in city.verdicts()[:-1]} == {"balanced"}
    waits = window([_mark(0, 0), _mark(3_600, 3_600, 500)], [_mark(7_200, 7_200, 450, backlog=450)])
    assert judge(waits, Counted(3_160, 3_160), 0).state == "balanced"
    assert judge(waits, Counted(3_100, 3_100), 0).state == "short"
    came = window([_mark(0, 0), _mark(3_600, 3_600, 500)], [_mark(7_200, 7_200, 450, backlog=0)])
    assert judge(came, Counted(3_590, 3_590), 0).difference == -10


def test_what_was_dropped_later_may_be_of_this_hour() -> None:
    marks = [_mark(0, 0), _mark(3_600, 3_600, 500)]
    later = [_mark(7_200, 7_200, 0, 500)]
    assert judge(window(marks, later), Counted(3_100, 3_100), 0).state == "balanced"
    assert judge(window(marks, later), Counted(3_099, 3_099), 0).state == "short"


def test_more_than_was_produced_is_a_surplus() -> None:
    good = window([_mark(0, 0), _mark(3_600, 3_600)], [_mark(7_200, 7_200)])
    assert judge(good, Counted(3_600, 3_610), 0).state == "balanced"
    told = judge(good, Counted(3_605, 3_610), 0)
    assert (told.state, told.difference) == ("surplus", 5)


def test_refused_readings_are_not_missed_and_bodies_nobody_can_read_leave_it_open_to_doubt() -> None:
    good = window([_mark(0, 0), _mark(3_600, 3_600)], [_mark(7_200, 7_200)])
    stored = Counted(3_500, 3_500)
    assert judge(good, stored, 100).state == "balanced"
    assert judge(good, stored, 90).state == "short"
    assert judge(good, stored, 90, refused_next=10).state == "not judged"
    assert judge(good, stored, 90, refused_next=9).state == "short"
    assert judge(good, stored, 90, bodies_unknown=1).state == "not judged"
    told = judge(good, stored, 90, refusals_unseen=True)
    assert (told.state, told.difference) == ("not judged", -10)
    assert judge(good, stored, 100, refusals_unseen=True).state == "balanced"


def test_a_clock_not_trusted_or_a_start_nobody_saw_is_not_judged() -> None:
    later = [_mark(7_200, 9_999, stream="c")]
    untrusted = window([_mark(0, 0), _mark(60, 60, trusted=False), _mark(3_600, 3_600)], later)
    assert judge(untrusted, Counted(0, 0), 0).state == "not judged"
    seen = [_mark(0, 0), _mark(1_800, 1_800), _mark(3_600, 1_700, stream="c", previous_stream="b")]
    told = judge(window(seen, later), Counted(3_507, 3_510), 0)
    assert (told.state, told.why) == ("balanced", "7 more than reported, around a restart")
    assert judge(window(seen, later), Counted(3_500, 3_500), 0).why == ""
    assert judge(window(seen, later), Counted(3_499, 3_499), 0).difference == -1
    unseen = [*seen[:2], replace(seen[2], previous_stream="a")]
    assert judge(window(unseen, later), Counted(0, 0), 0).state == "not judged"


def test_what_a_new_life_took_over_is_not_expected_twice() -> None:
    marks = [_mark(0, 0), _mark(1_000, 1_000, 500), _mark(3_600, 1_300, stream="c", previous_stream="b")]
    told = window(marks, [_mark(7_200, 2_000, stream="c", previous_stream="b")])
    assert judge(told, Counted(1_800, 1_800), 0).state == "balanced"
    assert judge(told, Counted(1_799, 1_799), 0).difference == -1


def test_what_was_dropped_inside_may_have_been_produced_before() -> None:
    told = window([_mark(0, 0), _mark(3_600, 3_600, 0, 100)], [_mark(7_200, 7_200, 0, 100)])
    assert judge(told, Counted(3_600, 3_600), 0).state == "balanced"
    assert judge(told, Counted(3_601, 3_601), 0).state == "surplus"


def test_a_report_without_a_stream_is_no_mark() -> None:
    assert mark(report({}, dropped={"evicted": 5, "lost_at_restart": 2})) is None
    told = mark(report({}, dropped={"evicted": 5, "lost_at_restart": 2}).model_copy(update={"stream": "0" * 16}))
    assert told is not None
    assert (told.dropped, told.trusted) == (7, False)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_happens_to_a_device_that_loses_nothing_untold_there_is_no_fault(seed: int) -> None:
    chance = random.Random(seed)
    city = City()
    for _ in range(8):
        city.run(chance.randrange(1, 2_400), cut=chance.random() < 0.3)
        match chance.randrange(4):
            case 0:
                city.restart(keeps=chance.random() < 0.5)
            case 1:
                city.drop(chance.randrange(0, len(city.waiting) + 1))
    city.run(1_500)
    for verdict in city.verdicts():
        assert verdict.state not in ("short", "surplus"), verdict


def test_the_file_keeps_what_the_windows_need(tmp_path: Path) -> None:
    city = City()
    city.run(3 * 3_600)
    city.restart(keeps=True)
    city.run(3_600)
    file = BooksFile(tmp_path / "books.db")
    file.add([("box-1", one) for one in city.marks])
    file.close()
    kept = read_marks(tmp_path / "books.db", "box-1", 0)
    whole, few = windows(city.marks), windows(kept)
    assert [(one.begin_ns, one.end_ns, one.produced) for one in few] == [
        (one.begin_ns, one.end_ns, one.produced) for one in whole
    ]
    assert len(kept) <= 11
