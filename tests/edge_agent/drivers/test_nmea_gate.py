"""The fix gate: what no box can have done is refused with a reason, what keeps being said is believed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.drivers.base import EARLIEST_LIVE_NS, Sample
from edge_agent.drivers.nmea.driver import NmeaDecoder, NmeaSettings
from edge_agent.drivers.nmea.gate import FixGate, FixRules, distance_m
from tests.edge_agent.drivers.nmea_text import SECOND_NS, THREE_NS, gga, rmc, sentence

BRAGA = (-6.9215, 107.6069)
BEKASI = (-6.2383, 106.9756)
BANDUNG_AREA = (-7.5, 107.0, -6.5, 108.0)


def fix(at_s: float, place: tuple[float, float] = BRAGA, *, late_s: float = 0.0, timed: bool = True) -> Sample:
    """Return a fix `at_s` after three o'clock, which came `late_s` after that."""
    fields: dict[str, bool | int | float | str] = {"latitude": place[0], "longitude": place[1]}
    time_ns = THREE_NS + round(at_s * SECOND_NS)
    return Sample("position", fields, round((at_s + late_s) * SECOND_NS), time_ns if timed else None)


class Gated:
    def __init__(self, rules: FixRules | None = None) -> None:
        self.counters: Counter[str] = Counter()
        self.gate = FixGate(rules or FixRules(), self.counters, frozenset({"no fix"}))

    def take(self, *samples: Sample) -> list[Sample]:
        return [good for sample in samples for good in self.gate.take([sample], sample.monotonic_ns)]


def test_a_drive_goes_through_as_it_is() -> None:
    gated = Gated()
    # 25 m/s to the east for ten minutes, ten times a second.
    drive = [fix(at / 10, (-6.9, 107.0 + at * 2.5 / 110_000)) for at in range(6_000)]
    assert gated.take(*drive) == drive
    assert not gated.counters


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (BEKASI, "jump"),
        ((6.9215, 107.6069), "hemisphere flip"),
        ((-6.9215, -107.6069), "hemisphere flip"),
        ((6.9215, -107.6069), "hemisphere flip"),
        ((-6.9215, 107.6099), "jump"),
    ],
    ids=["another city", "N for S", "W for E", "both", "330 m in a second"],
)
def test_one_fix_elsewhere_is_refused_and_the_next_is_good(place: tuple[float, float], reason: str) -> None:
    gated = Gated()
    assert gated.take(fix(0), fix(1, place), fix(2)) == [fix(0), fix(2)]
    assert gated.counters == {reason: 1}


def test_among_high_walls_a_fix_may_wander_and_after_a_tunnel_be_far() -> None:
    wanders = [fix(0), fix(1, (-6.9233, 107.6069)), fix(2), fix(602, BEKASI)]
    gated = Gated(FixRules(max_speed_mps=180))
    assert distance_m(fix(0), fix(0, BEKASI)) == pytest.approx(103_000, rel=0.01)
    assert gated.take(*wanders) == wanders


@pytest.mark.parametrize(
    ("place", "reason", "after_s"), [(BEKASI, "jump", 10), ((6.9215, 107.6069), "hemisphere flip", 60)]
)
def test_what_is_said_again_and_again_is_believed(place: tuple[float, float], reason: str, after_s: int) -> None:
    gated = Gated(FixRules(max_speed_mps=50))
    # Where the box really is, after a first fix that was wrong.
    told = gated.take(fix(0), *(fix(at, place) for at in range(1, 70)))
    assert told[1] == fix(1 + after_s, place)
    assert gated.counters == {reason: after_s + 1, "believed": 1}
    assert len(told) == 70 - after_s


def test_two_places_in_turn_are_never_both_true() -> None:
    gated = Gated()
    told = gated.take(*(fix(at, BEKASI if at % 2 else BRAGA) for at in range(100)))
    assert {sample.fields["latitude"] for sample in told} == {BRAGA[0]}
    assert gated.counters["jump"] == 50


def test_places_that_do_not_agree_with_one_another_are_not_believed() -> None:
    gated = Gated()
    elsewhere = [(-6.2383, 106.9756), (-7.25, 112.75), (-0.03, 109.33)]
    assert gated.take(fix(0), *(fix(at, elsewhere[at % 3]) for at in range(1, 100))) == [fix(0)]


def test_a_few_fixes_far_between_are_not_believed_for_their_time_alone() -> None:
    gated = Gated(FixRules(max_speed_mps=20))
    told = gated.take(fix(0), *(fix(at, BEKASI) for at in (1, 12, 23, 34, 45, 56)))
    assert told == [fix(0), fix(45, BEKASI), fix(56, BEKASI)]


def test_nothing_outside_the_area_is_ever_a_position() -> None:
    gated = Gated(FixRules(area=BANDUNG_AREA))
    assert gated.take(*(fix(at, BEKASI) for at in range(200)), fix(200)) == [fix(200)]
    assert gated.counters == {"outside area": 200}


def test_an_area_may_lie_across_the_date_line() -> None:
    gated = Gated(FixRules(area=(-20, 175, -10, -175)))
    assert len(gated.take(fix(0, (-17, 179.9999)), fix(1, (-17, -179.9999)))) == 2
    assert not gated.take(fix(2, (-17, 0)))


def test_a_time_that_stands_or_goes_back_is_stale() -> None:
    gated = Gated()
    again, back = replace(fix(0), monotonic_ns=SECOND_NS), replace(fix(-5), monotonic_ns=2 * SECOND_NS)
    assert gated.take(fix(0), again, back, fix(3)) == [fix(0), fix(3)]
    assert gated.counters == {"stale": 2}


def test_what_a_device_server_kept_back_is_stale_until_it_is_of_now_again() -> None:
    gated = Gated()
    fresh = [fix(at) for at in range(5)]
    # It comes all at once, 30 s late at first; what is at most 10 s late is of now.
    kept = [fix(5 + at, late_s=30 - at) for at in range(31)]
    assert gated.take(*fresh, *kept) == [*fresh, *kept[20:]]
    assert gated.counters == {"stale": 20}


def test_what_drains_slowly_out_of_a_buffer_is_not_believed_for_lasting() -> None:
    gated = Gated()
    kept = [fix(at, late_s=300 - 0.75 * at) for at in range(1, 400)]
    told = gated.take(fix(0), *kept)
    assert told == [fix(0), *(sample for at, sample in enumerate(kept, 1) if 300 - 0.75 * at <= 10)]


def test_what_comes_ever_later_is_stale_from_ten_seconds_on() -> None:
    gated = Gated()
    assert len(gated.take(*(fix(at, late_s=at / 2) for at in range(60)))) == 21


def test_a_clock_that_was_set_back_for_good_is_believed_after_a_minute() -> None:
    gated = Gated()
    # As a receiver does that learns of 18 leap seconds after its first fixes.
    corrected = [replace(fix(at - 18), monotonic_ns=at * SECOND_NS) for at in range(1, 80)]
    told = gated.take(fix(0), *corrected)
    assert told[1] == corrected[60]
    assert gated.counters == {"stale": 61, "believed": 1}


def test_a_leap_ahead_costs_the_time_not_the_position_until_it_is_believed() -> None:
    gated = Gated()
    week_ns = 1_024 * 7 * 86_400 * SECOND_NS
    ahead = [replace(fix(at), time_ns=THREE_NS + at * SECOND_NS + week_ns) for at in range(1, 70)]
    told = gated.take(fix(0), *ahead)
    assert len(told) == 70
    assert [sample.time_ns for sample in told[1:61]] == [None] * 60
    assert told[61:] == ahead[60:]
    assert gated.counters == {"time jump": 60, "believed": 1}
    # Two leaps in turn, none of them for a minute, are none.
    gated = Gated()
    other = [replace(sample, time_ns=(sample.time_ns or 0) + week_ns) for sample in ahead]
    assert all(sample.time_ns is None for sample in gated.take(fix(0), *ahead[:40], *other[40:])[1:])
    # One that takes it back costs nothing more.
    gated = Gated()
    assert gated.take(fix(0), ahead[0], fix(2)) == [fix(0), replace(ahead[0], time_ns=None), fix(2)]


def test_a_day_of_drift_between_two_crystals_is_no_lateness() -> None:
    gated = Gated()
    drive = [fix(at, late_s=at * 5e-5) for at in range(0, 10 * 86_400, 60)]
    assert gated.take(*drive) == drive


def test_without_times_the_arrival_counts_but_not_in_a_replay() -> None:
    jump = [fix(0, timed=False), fix(1, BEKASI, timed=False)]
    assert Gated().take(*jump) == jump[:1]
    assert Gated(FixRules(live=False)).take(*jump) == jump


def test_a_replay_comes_through_as_when_it_was_live() -> None:
    log = [fix(0), fix(1, BEKASI), fix(2), fix(3)]
    at_once = [replace(sample, monotonic_ns=0) for sample in log]
    assert [sample.time_ns for sample in Gated(FixRules(live=False)).take(*at_once)] == [
        sample.time_ns for sample in Gated().take(*log)
    ]


def test_a_minute_without_a_fix_is_a_fault_that_says_what_to_do() -> None:
    gated = Gated()
    gated.take(fix(0))
    for at in range(1, 60):
        gated.counters["no fix"] += 1
        gated.gate.take([], at * SECOND_NS)
        assert gated.gate.fault() is None
    gated.take(fix(60, BEKASI))
    assert gated.gate.fault() == (
        "jump: no position for 60 s; the receiver tells places that cannot be; restart it, else replace it"
    )
    gated.counters["no fix"] += 1
    gated.gate.take([], 75 * SECOND_NS)
    assert gated.gate.fault() == ("no fix: no position for 75 s; check that the antenna sees the sky, and its cable")
    gated.take(fix(76))
    assert gated.gate.fault() is None
    gated.counters["no fix"] += 1
    gated.gate.take([], 77 * SECOND_NS)
    assert gated.gate.fault() is None


def test_a_replay_has_no_such_fault() -> None:
    gated = Gated(FixRules(live=False))
    gated.counters["no fix"] += 1
    gated.gate.take([], 0)
    gated.counters["no fix"] += 1
    gated.gate.take([], 100 * SECOND_NS)
    assert gated.gate.fault() is None


def test_a_receiver_that_never_had_a_fix_is_a_fault_after_a_minute() -> None:
    decoder = NmeaDecoder(earliest_ns=EARLIEST_LIVE_NS, rules=FixRules())
    for at in range(61):
        assert decoder.fault() is None
        decoder.feed(rmc(f"0300{at % 60:02}.00", status="V"), at * SECOND_NS)
    assert (decoder.fault() or "").startswith("no fix: no position for 60 s")


# The row "NMEA" of the bad input, as a live receiver's driver sees it: the last good position stays, with the reason.
BAD = {
    "bad checksum": b"$GPGLL,0655.2900,S,10736.4140,E,030001.00,A,A*00\r\n",
    "no fix": rmc("030001.00", status="V"),
    "out of range": rmc("030001.00", latitude="9100.0000"),
    "malformed": rmc("030001.00", latitude="nan"),
    "wrong hemisphere": sentence("GPGLL,0655.2900,Q,10736.4140,E,030001.00,A,A"),
    "hemisphere flip": sentence("GPRMC,030001.00,A,0655.2900,N,10736.4140,E,0.0,,221126,,,A"),
    "jump": sentence("GPRMC,030001.00,A,0614.2980,S,10658.5360,E,0.0,,221126,,,A"),
    "null island": sentence("GPRMC,030001.00,A,0000.0000,S,00000.0000,E,0.0,,221126,,,A"),
    "week rollover": rmc("030001.00", day="080407"),
    "too long": b"$GPGLL," + b"0" * 1_020 + b"\r\n",
    "stale": rmc("025959.00"),
}


@pytest.mark.parametrize("reason", BAD)
def test_bad_input_nmea_keeps_the_last_good_position(reason: str) -> None:
    decoder = NmeaDecoder(earliest_ns=EARLIEST_LIVE_NS, rules=FixRules())
    samples = decoder.feed(rmc("030000.00"), 0)
    samples += decoder.feed(BAD[reason], SECOND_NS)
    samples += decoder.feed(rmc("030002.00"), 2 * SECOND_NS)
    samples += decoder.flush()
    assert decoder.counters[reason] == 1
    assert {(sample.fields["latitude"], sample.fields["longitude"]) for sample in samples} == {BRAGA}
    times = [sample.time_ns for sample in samples]
    assert times == ([THREE_NS, None] if reason == "week rollover" else [THREE_NS]) + [THREE_NS + 2 * SECOND_NS]


def test_an_unknown_talker_and_ten_fixes_a_second_come_through_each_with_its_last_sentence() -> None:
    decoder = NmeaDecoder(rules=FixRules())
    came: list[tuple[int | None, int]] = []
    for at in range(100):
        clock = f"0300{at // 10:02}.{at % 10}0"
        moment_ns = at * SECOND_NS // 10
        head = rmc(clock).replace(b"GPRMC", b"XYRMC")
        head = sentence(head[1 : head.index(b"*")].decode())
        samples = decoder.feed(head, moment_ns) + decoder.feed(gga(clock), moment_ns + 20_000_000)
        came += [(sample.time_ns, sample.monotonic_ns) for sample in samples]
    assert [time_ns for time_ns, _ in came] == [THREE_NS + at * SECOND_NS // 10 for at in range(100)]
    # From the third cycle on it is known which sentence ends one; none waits for the next.
    assert [at_ns for _, at_ns in came[2:]] == [at * SECOND_NS // 10 + 20_000_000 for at in range(2, 100)]


PLACES = st.sampled_from([BRAGA, BEKASI, (6.9215, 107.6069), (-6.9216, 107.6070)])
FIXES = st.builds(fix, st.integers(0, 300), PLACES, late_s=st.integers(0, 30), timed=st.booleans())


@given(st.lists(FIXES, max_size=60), st.booleans())
def test_whatever_comes_is_told_or_counted(samples: list[Sample], live: bool) -> None:
    gated = Gated(FixRules(live=live))
    told = gated.take(*samples)
    refused = sum(gated.counters[reason] for reason in ("stale", "jump", "hemisphere flip", "outside area"))
    assert len(samples) - refused <= len(told) <= len(samples) - refused + gated.counters["believed"]


@pytest.mark.parametrize(
    "area", [(-6.0, 107.0, -7.0, 108.0), (-91.0, 107.0, 7.0, 108.0), (-6.0, 107.0, 7.0, 181.0), (1.0, 2.0)]
)
def test_an_area_that_is_none_is_refused(area: object) -> None:
    with pytest.raises(ValidationError):
        NmeaSettings.model_validate({"id": "gps", "driver": "nmea", "uri": "tcp://h:1", "area": area})
