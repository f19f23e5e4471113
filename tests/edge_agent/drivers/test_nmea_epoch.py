from __future__ import annotations

from collections import Counter

from edge_agent.drivers.base import Sample
from edge_agent.drivers.nmea.driver import NmeaDecoder
from tests.edge_agent.drivers.nmea_text import SECOND_NS, THREE_NS, gga, rmc, sentence

GSA = sentence("GPGSA,A,3,02,05,07,09,,,,,,,,,1.9,1.1,1.5")


def _feed(decoder: NmeaDecoder, *sentences: bytes) -> list[list[int | None]]:
    """Feed sentences one a call; return the times of the samples each gave."""
    return [[sample.time_ns for sample in decoder.feed(one, at)] for at, one in enumerate(sentences)]


def test_an_epoch_ends_when_the_time_of_fix_changes() -> None:
    decoder = NmeaDecoder()
    assert _feed(decoder, rmc("030000.00"), gga("030000.00"), rmc("030000.10")) == [[], [], [THREE_NS]]
    assert [sample.time_ns for sample in decoder.flush()] == [THREE_NS + SECOND_NS // 10]


def test_the_sentence_that_ends_the_cycle_is_learnt() -> None:
    decoder = NmeaDecoder()
    _feed(decoder, rmc("030000.00"), gga("030000.00"), GSA, GSA)
    _feed(decoder, rmc("030001.00"), gga("030001.00"), GSA, GSA)
    third = _feed(decoder, rmc("030002.00"), gga("030002.00"), GSA, GSA)
    assert third == [[THREE_NS + SECOND_NS], [], [], [THREE_NS + 2 * SECOND_NS]]
    assert _feed(decoder, rmc("030003.00"), gga("030003.00"), GSA) == [[], [], []]


def test_the_moment_of_a_sample_is_that_of_its_last_sentence() -> None:
    decoder = NmeaDecoder()
    decoder.feed(rmc("030000.00"), 5)
    decoder.feed(gga("030000.00"), 7)
    assert [sample.monotonic_ns for sample in decoder.feed(rmc("030001.00"), 1_000)] == [7]


def test_a_late_sentence_makes_no_second_sample_and_the_end_is_learnt_anew() -> None:
    decoder = NmeaDecoder()
    _feed(decoder, rmc("030000.00"), rmc("030001.00"))
    assert _feed(decoder, rmc("030002.00")) == [[THREE_NS + SECOND_NS, THREE_NS + 2 * SECOND_NS]]
    assert _feed(decoder, gga("030002.00"), rmc("030003.00"), gga("030003.00")) == [[], [], []]
    assert decoder.counters["late"] == 1
    assert _feed(decoder, rmc("030004.00")) == [[THREE_NS + 3 * SECOND_NS]]


def test_a_clock_that_stands_still_gives_one_sample() -> None:
    decoder = NmeaDecoder()
    times = [time for _ in range(50) for call in _feed(decoder, rmc("030000.00"), gga("030000.00")) for time in call]
    assert times + [sample.time_ns for sample in decoder.flush()] == [THREE_NS]


def test_epochs_that_take_turns_give_no_time_twice() -> None:
    decoder = NmeaDecoder()
    turns = [rmc("030000.00"), rmc("030001.00")] * 20
    times = [time for call in _feed(decoder, *turns) for time in call] + [s.time_ns for s in decoder.flush()]
    assert times == [THREE_NS, THREE_NS + SECOND_NS]
    assert decoder.counters["repeated"] > 0


def test_a_fix_lost_and_found_keeps_the_day() -> None:
    decoder = NmeaDecoder()
    lost = sentence("GPRMC,,V,,,,,,,,,,N")
    _feed(decoder, rmc("235959.00"), lost, lost, sentence("GPGGA,,,,,,0,,,,,,,,"))
    decoder.feed(gga("000001.00"), 9)
    assert [sample.time_ns for sample in decoder.flush()] == [THREE_NS + (21 * 3600 + 1) * SECOND_NS]
    assert decoder.counters["no fix"] == 3


def test_rmc_without_a_fix_outweighs_the_others() -> None:
    decoder = NmeaDecoder()
    _feed(decoder, gga("030000.00"), rmc("030000.00", status="V"))
    assert decoder.flush() == []
    assert decoder.counters["no fix"] == 1


def test_gn_counts_the_satellites_of_every_constellation() -> None:
    decoder = NmeaDecoder()
    _feed(decoder, gga("030000.00"), sentence("GNGNS,030000.00,0655.2900,S,10736.4140,E,AAN,14,0.9,712.5,2.0,,,V"))
    assert [sample.fields["satellites"] for sample in decoder.flush()] == [14]


def _old(earliest_ns: int | None) -> tuple[list[Sample], Counter[str]]:
    decoder = NmeaDecoder(earliest_ns=earliest_ns)
    decoder.feed(rmc("030000.00", day="080407"), 0)
    return decoder.flush(), decoder.counters


def test_a_week_rollover_takes_the_time_but_not_the_position_of_a_live_receiver() -> None:
    samples, counters = _old(THREE_NS)
    assert [(sample.time_ns, sample.fields["latitude"]) for sample in samples] == [(None, -6.9215)]
    assert counters["week rollover"] == 1


def test_a_replay_says_what_the_receiver_said_then() -> None:
    # 2007-04-08T03:00:00Z
    assert [sample.time_ns for sample in _old(None)[0]] == [1_176_001_200_000_000_000]
