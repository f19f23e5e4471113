"""A report fits whatever was counted, and its totals stay true."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.messages import MAX_ALARM_BYTES, Books, Report, decode, encode
from edge_agent.report_size import LONGEST_WORD, MOST_COUNTS, OTHERS, as_counts, fit

HOSTILE = '\N{PILE OF POO}\x00"\\\x1f'


def report(
    sensors: dict[str, dict[str, int]], faults: dict[str, int] | None = None, dropped: dict[str, int] | None = None
) -> Report:
    gone = dropped or {}
    return Report(
        device="b" * 63,
        boot="b" * 64,
        timestamp_ns=2**63 - 1,
        clock="none",
        software="s" * 64,
        readings=Books(produced=2**62, receipted=2**62 - sum(gone.values()), waiting=0, dropped=gone),
        presses=Books(produced=1, receipted=1, waiting=0, dropped={}),
        faults=faults or {},
        sensors=sensors,
    )


def hostile_counts(number: int) -> dict[str, int]:
    return as_counts({f"{count}{HOSTILE * 20}": 10**12 + number * count for count in range(MOST_COUNTS)})


def total(sensors: dict[str, dict[str, int]]) -> int:
    return sum(sum(counts.values()) for counts in sensors.values())


@pytest.mark.slow
def test_200_sensors_with_64_hostile_names_each_fit_and_add_up() -> None:
    sensors = {f"{number:03}{'s' * 60}": hostile_counts(number) for number in range(200)}
    whole = report(sensors, faults=hostile_counts(1), dropped=hostile_counts(2))
    body = encode(fit(whole))
    told = decode(Report, body)
    assert len(body) <= MAX_ALARM_BYTES
    assert total(told.sensors) == total(sensors)
    assert sum(told.faults.values()) == sum(whole.faults.values())
    books = told.readings
    assert books.produced == books.receipted + books.waiting + sum(books.dropped.values())
    assert f"199{'s' * 60}" in told.sensors, "the largest first"


def test_200_ordinary_sensors_are_all_told_if_they_fit() -> None:
    sensors = {f"gps-{number}": {"sentences": 1_000 - number, "checksum": 3} for number in range(150)}
    told = fit(report(sensors))
    assert told.sensors == sensors
    more = fit(report({f"meter-in-the-cabinet-{number}": {"frames": number + 1, "crc": 1} for number in range(200)}))
    assert len(encode(more)) <= MAX_ALARM_BYTES
    assert "meter-in-the-cabinet-199" in more.sensors
    assert "meter-in-the-cabinet-0" not in more.sensors
    assert total(more.sensors) == 200 * 201 // 2 + 200


def test_a_small_report_is_left_as_it_is() -> None:
    whole = report({"gps": {"sentences": 7}}, faults={"card": 1}, dropped={"disk budget": 3})
    assert fit(whole) == whole


def test_what_is_beyond_is_under_others_also_when_something_is_named_so() -> None:
    counted = {f"fault {number}": number for number in range(1, 101)} | {OTHERS: 5}
    counts = as_counts(counted)
    assert len(counts) == MOST_COUNTS
    assert next(iter(counts)) == "fault 100"
    assert counts[OTHERS] == 5 + sum(range(1, 38))
    assert as_counts(counted | {OTHERS: 10**6})[OTHERS] == 10**6 + sum(range(1, 38))
    assert as_counts({}) == {}


@settings(deadline=None)
@given(
    st.dictionaries(st.text(st.characters(), max_size=100), st.integers(-5, 10**15), max_size=100),
    st.integers(1, MOST_COUNTS),
)
def test_any_names_become_words_and_no_count_is_lost(counted: dict[str, int], most: int) -> None:
    counts = as_counts(counted, most)
    assert len(counts) <= most
    assert sum(counts.values()) == sum(count for count in counted.values() if count > 0)
    assert all(1 <= len(name) <= LONGEST_WORD for name in counts)
    told = fit(report({}, faults=counts))
    assert decode(Report, encode(told)) == told
