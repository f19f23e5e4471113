"""Which devices can be reached: births, wills, and what the desk's own connections are worth. No I/O."""

from __future__ import annotations

from contract.topics import Lane
from duty_desk.presence import GRACE_ROUNDS, Missing, Presence

START_NS = 1_000


def _made(*devices: str, up: tuple[Lane, ...] = ("alarm", "telemetry")) -> Presence:
    presence = Presence(devices, START_NS)
    for lane in up:
        presence.link(lane, True, START_NS)
    return presence


def _rounds(presence: Presence, count: int = GRACE_ROUNDS) -> None:
    for _ in range(count):
        presence.round()


def _online(presence: Presence, *lanes: Lane, device: str = "box-1") -> None:
    for lane in lanes:
        presence.hear(device, lane, "online", START_NS + 1, retained=False)


def test_online_on_any_lane_is_reachable() -> None:
    presence = _made("box-1")
    _online(presence, "telemetry")
    presence.hear("box-1", "alarm", "offline", 2_000, retained=False)
    _rounds(presence, 100)
    assert (presence.missing, presence.checking) == ([], 0)


def test_offline_on_both_lanes_is_missing_since_the_last_of_them_and_clears_by_itself() -> None:
    presence = _made("box-1")
    _online(presence, "alarm", "telemetry")
    assert presence.round()
    presence.hear("box-1", "alarm", "offline", 2_000, retained=False)
    assert not presence.round()
    presence.hear("box-1", "telemetry", "offline", 3_000, retained=False)
    assert presence.round()
    assert presence.missing == [Missing("box-1", "offline", 3_000)]
    # Heard again, it is no news.
    presence.hear("box-1", "alarm", "offline", 9_000, retained=False)
    assert not presence.round()
    presence.hear("box-1", "alarm", "online", 10_000, retained=False)
    assert presence.round()
    assert presence.missing == []


def test_the_start_has_a_grace_and_then_nothing_heard_is_silence_since_the_start() -> None:
    presence = _made("box-1", "box-2")
    _online(presence, "alarm")
    _rounds(presence, GRACE_ROUNDS - 1)
    assert (presence.missing, presence.checking) == ([], 1)
    presence.round()
    assert (presence.missing, presence.checking) == ([Missing("box-2", "silent", START_NS)], 0)
    assert (presence.never("box-2"), presence.never("box-1")) == (True, False)
    presence.link("telemetry", up=False, now_ns=START_NS)
    assert not presence.never("box-2"), "a broker that is not there may keep its word"


def test_a_retained_will_tells_only_that_it_happened_before() -> None:
    presence = _made("box-1")
    presence.hear("box-1", "alarm", "offline", 2_000, retained=True)
    _rounds(presence)
    assert presence.missing == [Missing("box-1", "offline", 2_000, before=True)]


def test_a_lost_connection_is_forgiven_for_the_grace_and_what_it_told_is_worth_nothing_then() -> None:
    presence = _made("box-1")
    _online(presence, "alarm")
    _rounds(presence)
    presence.link("alarm", False, 5_000)
    _rounds(presence, GRACE_ROUNDS - 1)
    assert presence.missing == []
    presence.round()
    assert presence.missing == [Missing("box-1", "silent", 5_000)]
    # The broker is back and has forgotten all: a new connection is no reason to call the box well.
    presence.link("alarm", True, 60_000)
    assert not presence.round()
    _rounds(presence)
    assert presence.missing == [Missing("box-1", "silent", 5_000)]
    _online(presence, "alarm")
    presence.round()
    assert presence.missing == []


def test_a_status_that_comes_before_its_connection_stands_counts_for_it() -> None:
    presence = _made("box-1")
    _online(presence, "alarm")
    _rounds(presence)
    presence.link("alarm", False, 5_000)
    _rounds(presence, 3)
    presence.hear("box-1", "alarm", "online", 6_000, retained=True)
    presence.link("alarm", True, 6_001)
    _rounds(presence, 50)
    assert presence.missing == []


def test_a_new_connection_has_a_grace_of_its_own() -> None:
    presence = _made("box-1")
    _online(presence, "alarm")
    _rounds(presence)
    presence.link("alarm", False, 5_000)
    _rounds(presence, GRACE_ROUNDS - 1)
    presence.link("alarm", True, 6_000)
    _rounds(presence, GRACE_ROUNDS - 1)
    assert (presence.missing, presence.checking) == ([], 1)
    presence.round()
    assert presence.missing == [Missing("box-1", "silent", 5_000)]


def test_without_any_broker_everything_is_silent() -> None:
    presence = _made("box-1", "box-2", up=())
    _rounds(presence)
    assert [one.device for one in presence.missing] == ["box-1", "box-2"]


def test_a_stranger_is_not_kept() -> None:
    presence = _made("box-1")
    for number in range(1_000):
        presence.hear(f"stranger-{number}", "alarm", "offline", 2_000, retained=False)
    _rounds(presence)
    assert [one.device for one in presence.missing] == ["box-1"]
    assert not any("stranger" in device for path in presence._paths.values() for device in path.heard)


def test_the_latest_is_first() -> None:
    presence = _made("box-1", "box-2", "box-3")
    _rounds(presence)
    for at_ns, device in ((2_000, "box-3"), (3_000, "box-1")):
        presence.hear(device, "alarm", "online", at_ns, retained=False)
        presence.round()
        presence.hear(device, "alarm", "offline", at_ns + 10, retained=False)
        presence.round()
    assert [one.device for one in presence.missing] == ["box-1", "box-3", "box-2"]
