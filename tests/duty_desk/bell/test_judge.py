"""When the bell sounds, in virtual time."""

from __future__ import annotations

import random

import pytest

from contract.topics import Lane
from duty_desk.bell.judge import (
    AGAIN_NS,
    BROKER_NS,
    DESK_NS,
    FORGET_NS,
    MAX_PRESSES,
    RECEIPT_NS,
    START_NS,
    Cause,
    Event,
    Judge,
)

S = 10**9
TICK = S // 5


class World:
    """A bell in virtual time, with a desk whose heartbeats come by the brokers that are given."""

    def __init__(self) -> None:
        self.now = 1_000 * S
        self.judge = Judge(self.now)
        self.events: list[tuple[int, Event]] = []
        self.began = self.now

    def pass_(self, seconds: float, *lanes: Lane, offset: float = 0.0) -> None:
        """Let time pass; a heartbeat comes by each of these each 2 s."""
        until = self.now + int(seconds * S)
        beat = self.now + int(offset * S)
        while self.now < until:
            self.now += TICK
            if self.now >= beat:
                beat += 2 * S
                for lane in lanes:
                    self.judge.heartbeat(lane, self.now)
            self.events += [(self.now, event) for event in self.judge.tick(self.now)]

    def healthy(self, seconds: float = 20) -> World:
        """Let the desk be heard on both."""
        self.pass_(seconds, "alarm", "telemetry")
        assert self.events == []
        return self

    def press(self, key: str = "p1", *, meant: bool = True) -> None:
        """Let a press be heard."""
        self.judge.press(Cause(key, "press box-1/sos", ("box-1", "sos"), 7), (key, f"hash-{key}"), meant, self.now)

    def silence(self) -> list[Event]:
        """Press the button."""
        events = self.judge.silence(self.now)
        self.events += [(self.now, event) for event in events]
        return events

    def sounded(self) -> list[list[str]]:
        """Return the causes of each time it began to sound."""
        return [[cause.key for cause in event.causes] for _, event in self.events if event.what == "sounded"]


def test_a_desk_that_is_heard_nowhere_sounds_after_six_seconds_and_within_ten_of_its_death() -> None:
    world = World().healthy()
    died = world.now
    world.pass_(10)
    (when, event), *_ = world.events
    assert [cause.key for cause in event.causes] == ["desk"]
    assert DESK_NS - 2 * S <= when - died <= DESK_NS + TICK
    assert world.judge.sounding


@pytest.mark.parametrize(("dead", "alive"), [("alarm", "telemetry"), ("telemetry", "alarm")])
def test_a_dead_broker_is_a_fault_after_six_seconds_and_sounds_within_ten(dead: Lane, alive: Lane) -> None:
    world = World().healthy()
    died = world.now
    world.pass_(6.4, alive)
    assert world.judge.late(world.now) == [dead]
    assert world.events == []
    world.pass_(4, alive)
    assert world.sounded() == [[f"{dead} broker"]]
    assert BROKER_NS - 2 * S <= world.events[0][0] - died <= 10 * S


def test_a_restart_of_five_seconds_is_not_its_death() -> None:
    world = World().healthy()
    world.judge.heartbeat("alarm", world.now)
    world.judge.heartbeat("telemetry", world.now)  # a desk that is stopped says so last
    world.pass_(5.4)
    world.healthy(10)


def test_a_broker_that_comes_again_within_eight_seconds_is_none() -> None:
    world = World().healthy()
    world.pass_(7, "telemetry")
    world.healthy(10)


def test_a_bell_that_starts_gives_ten_seconds_and_not_more() -> None:
    world = World()
    world.pass_(START_NS / S - 1)
    assert world.events == []
    world.pass_(2)
    assert world.sounded() == [["desk"]]
    assert world.events[0][0] - world.began <= START_NS + TICK


def test_a_press_without_receipt_sounds_after_six_seconds_though_the_desk_beats() -> None:
    world = World().healthy()
    world.press()
    pressed = world.now
    world.pass_(8, "alarm", "telemetry")
    assert world.sounded() == [["p1"]]
    assert RECEIPT_NS <= world.events[0][0] - pressed <= RECEIPT_NS + TICK
    assert world.events[0][1].causes[0].place == ("box-1", "sos")


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("name", ["p1", "hash-p1"])
def test_a_receipt_in_time_lets_it_be_silent(name: str, stored: bool) -> None:
    world = World().healthy()
    world.press()
    world.pass_(5, "alarm", "telemetry")
    world.judge.receipt(name, stored, world.now)
    world.healthy(20)
    assert world.judge.counts["press"] == 1


def test_a_receipt_of_another_press_does_not_count() -> None:
    world = World().healthy()
    world.press()
    world.judge.receipt("p2", True, world.now)
    world.pass_(8, "alarm", "telemetry")
    assert world.sounded() == [["p1"]]


@pytest.mark.parametrize("stored", [True, False])
def test_a_copy_that_the_other_broker_brings_after_the_receipt_does_not_wait_for_another(stored: bool) -> None:
    world = World().healthy()
    world.press()
    world.judge.receipt("p1", stored, world.now)
    world.pass_(RECEIPT_NS / S - 1, "alarm", "telemetry")
    world.press()
    world.healthy(20)


@pytest.mark.parametrize("name", ["p1", "hash-p1"])
def test_a_press_whose_receipt_is_heard_first_does_not_wait_for_another(name: str) -> None:
    world = World().healthy()
    world.judge.receipt(name, True, world.now)
    world.press()
    world.healthy(20)
    assert world.judge.counts["press"] == 1


def test_a_press_that_was_rung_for_and_never_stored_waits_anew_when_its_box_sends_it_again() -> None:
    world = World().healthy()
    world.press()
    world.judge.receipt("p1", False, world.now)
    world.healthy(10)
    world.press()
    world.pass_(8, "alarm", "telemetry")
    assert world.sounded() == [["p1"]]


def test_a_press_that_was_stored_never_waits_again_whatever_is_told_later() -> None:
    world = World().healthy()
    world.press()
    for stored in (False, True, False):
        world.judge.receipt("p1", stored, world.now)
    world.healthy(60)
    world.press()
    world.healthy(20)


def test_the_bells_own_standstill_does_not_count_for_a_copy_either() -> None:
    world = World().healthy()
    world.press()
    world.judge.receipt("p1", False, world.now)
    world.now += 60 * S
    world.judge.tick(world.now)
    world.press()
    world.healthy(20)


def test_receipts_are_remembered_up_to_a_number_and_the_last_ones() -> None:
    world = World().healthy()
    for number in range(3 * MAX_PRESSES):
        world.judge.receipt(f"p{number}", True, world.now)
    assert len(world.judge._covered) == MAX_PRESSES
    world.press(f"p{3 * MAX_PRESSES - 1}")
    world.healthy(20)


def test_tests_and_drills_are_counted_once_each_and_never_sound() -> None:
    world = World().healthy()
    for _ in range(3):
        world.press(meant=False)
        world.pass_(4, "alarm", "telemetry")
    assert world.judge.counts == {"test": 1}
    world.healthy()


def test_a_press_that_is_sent_again_waits_since_it_was_first_heard() -> None:
    world = World().healthy()
    for _ in range(7):
        world.press()
        world.pass_(1, "alarm", "telemetry")
    assert world.sounded() == [["p1"]]


def test_it_sounds_until_it_is_silenced_though_the_desk_is_back() -> None:
    world = World().healthy()
    world.pass_(8)
    world.pass_(30, "alarm", "telemetry")
    assert world.judge.sounding
    assert world.judge.causes == ()
    (event,) = world.silence()
    assert event == Event("silenced", ())
    assert not world.judge.sounding
    assert world.silence() == []


def test_what_was_silenced_is_silent_and_anything_else_sounds() -> None:
    world = World().healthy()
    world.pass_(10)
    assert [cause.key for cause in world.silence()[0].causes] == ["desk"]
    world.pass_(60)
    assert not world.judge.sounding
    assert world.judge.silenced
    world.press()
    world.pass_(7)
    assert world.sounded() == [["desk"], ["p1"]]


def test_it_is_armed_again_once_what_was_silenced_is_over() -> None:
    world = World().healthy()
    world.pass_(10)
    world.silence()
    world.pass_(20, "alarm", "telemetry")
    assert not world.judge.sounding
    world.pass_(10)
    assert world.sounded() == [["desk"], ["desk"]]


def test_what_was_silenced_and_stands_sounds_again_after_half_an_hour() -> None:
    world = World().healthy()
    world.pass_(10)
    world.silence()
    world.pass_(AGAIN_NS / S - 5)
    assert not world.judge.sounding
    world.pass_(6)
    assert world.sounded() == [["desk"], ["desk"]]


def test_a_desk_that_comes_back_by_one_broker_first_has_time_for_the_other() -> None:
    world = World().healthy()
    world.pass_(30)
    world.silence()
    world.pass_(7, "alarm")
    world.pass_(20, "alarm", "telemetry")
    assert world.sounded() == [["desk"]]


def test_a_desk_that_comes_back_by_one_broker_only_sounds_for_the_other() -> None:
    world = World().healthy()
    world.pass_(30)
    world.silence()
    world.pass_(10, "telemetry")
    assert world.sounded() == [["desk"], ["alarm broker"]]


def test_what_the_bell_itself_was_deaf_for_is_nobodys_silence() -> None:
    world = World().healthy()
    world.press()
    world.pass_(3, "alarm", "telemetry")
    world.now += 60 * S
    world.judge.tick(world.now)
    world.judge.receipt("p1", True, world.now)
    world.healthy(20)
    world.now += 60 * S
    world.judge.tick(world.now)
    died = world.now
    world.pass_(10)
    assert world.sounded() == [["desk"]]
    assert world.events[0][0] - died <= 10 * S


def test_a_press_that_its_box_forgot_waits_no_more() -> None:
    world = World().healthy()
    world.press()
    world.pass_(8, "alarm", "telemetry")
    world.silence()
    world.pass_(FORGET_NS / S + AGAIN_NS / S + 10, "alarm", "telemetry")
    assert world.sounded() == [["p1"]]
    assert world.judge.causes == ()


def test_a_flood_of_presses_is_bounded_and_sounds_for_the_first() -> None:
    world = World().healthy()
    for number in range(3 * MAX_PRESSES):
        world.press(f"p{number}")
    world.pass_(7, "alarm", "telemetry")
    (causes,) = world.sounded()
    assert (causes[0], len(causes)) == ("p0", MAX_PRESSES)
    assert len(world.judge._counted) == MAX_PRESSES


@pytest.mark.parametrize("seed", range(20))
def test_a_night_of_faults_is_never_silent_for_ten_seconds_and_never_sounds_without_one(seed: int) -> None:
    """Deaths of the desk and of brokers of random lengths: each longer than 10 s sounds, none shorter than 4 s does."""
    draw = random.Random(seed)
    world = World()
    for _ in range(40):
        world.pass_(draw.uniform(20, 60), "alarm", "telemetry", offset=draw.uniform(0, 2))
        lanes: tuple[Lane, ...] = draw.choice([(), ("alarm",), ("telemetry",)])
        before, began, long = len(world.events), world.now, draw.random() < 0.5
        world.pass_(draw.uniform(10, 30) if long else draw.uniform(0.2, 4), *lanes, offset=draw.uniform(0, 2))
        told = world.events[before:]
        if long:
            assert told, lanes
            assert told[0][0] - began <= 10 * S
            world.silence()
        else:
            world.pass_(2, "alarm", "telemetry")
            assert world.events[before:] == []
