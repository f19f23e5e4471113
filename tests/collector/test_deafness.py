"""When a connection that stands is taken for deaf."""

from __future__ import annotations

from collector.deafness import Deafness


def _deaf_at(watch: Deafness, heard_s: float | None, seconds: range, *, excused: bool = False) -> list[int]:
    return [now_s for now_s in seconds if watch.judge(heard_s, float(now_s), excused=excused)]


def test_who_never_heard_anything_is_not_deaf() -> None:
    watch = Deafness(after_s=10.0)
    watch.connected(0.0)
    assert _deaf_at(watch, None, range(1_000)) == []
    assert watch.times == 0


def test_silence_after_something_was_heard_is_and_patience_doubles_up_to_its_most() -> None:
    watch = Deafness(after_s=10.0, most_s=35.0)
    watch.connected(0.0)
    assert _deaf_at(watch, 5.0, range(5, 15)) == []
    assert watch.judge(5.0, 15.0, excused=False)
    watch.connected(16.0)
    # The new connection has brought nothing yet.
    assert _deaf_at(watch, None, range(16, 200)) == [36, 71, 106, 141, 176]
    assert watch.times == 6


def test_a_message_makes_patience_short_again() -> None:
    watch = Deafness(after_s=10.0)
    watch.connected(0.0)
    assert _deaf_at(watch, 0.0, range(40)) == [10, 30]
    assert _deaf_at(watch, 40.0, range(40, 55)) == [50]


def test_a_broker_with_a_reason_to_be_silent_is_excused() -> None:
    watch = Deafness(after_s=10.0)
    watch.connected(0.0)
    watch.judge(1.0, 1.0, excused=False)
    assert _deaf_at(watch, 1.0, range(1, 100), excused=True) == []
    assert _deaf_at(watch, 1.0, range(100, 115)) == [109], "and its silence counts from then on"
