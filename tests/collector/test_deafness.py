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


def test_what_a_new_connection_does_not_mend_is_told_and_so_is_who_never_heard_anything() -> None:
    watch = Deafness(after_s=10.0)
    assert watch.told(99.0) is None, "never connected: that is told elsewhere"
    watch.connected(100.0)
    assert watch.told(109.0) is None
    assert "no box is heard for 20 s" in (watch.told(120.0) or "")
    watch.judge(121.0, 121.0, excused=False)
    assert [watch.told(now_s) for now_s in (121.0, 130.9)] == [None, None]
    assert watch.judge(121.0, 131.0, excused=False)
    watch.connected(132.0)
    assert "no box is heard for 19 s" in (watch.told(140.0) or ""), "over both connections"
    watch.judge(None, 141.0, excused=True)
    assert watch.told(142.0) is None, "who owes PUBACKs need not hear anything"
    watch.judge(143.0, 143.0, excused=False)
    assert watch.told(200.0) is None


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
