"""The limits on wrong passwords: they slow a guesser down and keep no officer out. In made-up time."""

from __future__ import annotations

import pytest

from duty_desk.access.attempts import FREE, MAX_KNOWN, MAX_TOLD, MOST_S, NAME_MOST_S, Attempts
from duty_desk.access.errors import TryLaterError
from duty_desk.access.throttle import FORGET_S, MAX_KEYS, Throttle, network_of


def fail(attempts: Attempts, name: str, address: str, times: int, now_s: float = 0.0) -> float:
    """Fail as often as it is let, as early as it is let; return when."""
    for _ in range(times):
        try:
            attempts.begin(name, address, now_s)
        except TryLaterError as error:
            now_s += error.after_s
            attempts.begin(name, address, now_s)
    return now_s


def test_each_failure_doubles_the_wait_up_to_a_bound_and_is_forgotten() -> None:
    throttle: Throttle[str] = Throttle(free=2, first_s=1.0, most_s=8.0)
    waits = []
    for _ in range(7):
        throttle.begin("a", 100.0)
        waits.append(throttle.wait_s("a", 100.0))
    assert waits == [0, 1, 2, 4, 8, 8, 8]
    assert throttle.wait_s("a", 107.0) == 1
    assert throttle.wait_s("b", 100.0) == 0
    assert throttle.wait_s("a", 101.0 + FORGET_S) == 0
    throttle.begin("a", 101.0 + FORGET_S)
    assert throttle.wait_s("a", 101.0 + FORGET_S) == 0


def test_what_is_remembered_is_bounded() -> None:
    throttle: Throttle[int] = Throttle(free=1, first_s=1.0, most_s=8.0)
    for key in range(MAX_KEYS + 100):
        throttle.begin(key, 0.0)
    assert len(throttle) == MAX_KEYS
    assert throttle.wait_s(0, 0.0) == 0
    assert throttle.wait_s(MAX_KEYS + 99, 0.0) == 1


def test_an_address_waits_and_another_does_not_for_the_same_name() -> None:
    attempts = Attempts()
    now_s = fail(attempts, "petugas-1", "192.0.2.7", 50)
    assert now_s > 40 * MOST_S
    with pytest.raises(TryLaterError) as refused:
        attempts.begin("petugas-1", "192.0.2.7", now_s)
    assert refused.value.after_s == MOST_S
    other = attempts.begin("petugas-1", "192.0.2.8", now_s)
    assert other.delay_s <= NAME_MOST_S


def test_a_name_that_many_addresses_try_is_slowed_a_little_and_never_refused() -> None:
    attempts = Attempts()
    delays = [attempts.begin("petugas-1", f"192.0.2.{host}", 0.0).delay_s for host in range(200)]
    assert delays[:FREE] == [0.0] * FREE
    assert max(delays) == NAME_MOST_S == delays[-1]


def test_who_came_from_there_before_is_neither_slowed_nor_held_up_by_the_address() -> None:
    attempts = Attempts()
    attempts.succeeded(attempts.begin("petugas-1", "192.0.2.7", 0.0))
    fail(attempts, "petugas-2", "192.0.2.7", FREE + 1)
    for host in range(100):
        attempts.begin("petugas-1", f"192.0.2.{host + 10}", 0.0)
    known = attempts.begin("petugas-1", "192.0.2.7", 0.0)
    assert (known.known, known.delay_s) == (True, 0.0)
    # His own count there is one of its own: this was the first failure of it.
    fail(attempts, "petugas-1", "192.0.2.7", FREE - 1)
    with pytest.raises(TryLaterError):
        attempts.begin("petugas-1", "192.0.2.7", 0.0)


def test_own_good_log_ins_do_not_pay_for_guesses_at_others() -> None:
    attempts = Attempts()
    for _ in range(3):
        fail(attempts, "petugas-1", "192.0.2.7", FREE - 3)
        attempts.succeeded(attempts.begin("tamu-1", "192.0.2.7", 0.0))
    with pytest.raises(TryLaterError):
        attempts.begin("petugas-1", "192.0.2.7", 0.0)


def test_who_is_known_is_bounded_and_an_ipv6_host_counts_by_its_network() -> None:
    attempts = Attempts()
    for number in range(MAX_KNOWN + 10):
        attempts.succeeded(attempts.begin(f"name-{number}", "192.0.2.7", 0.0))
    assert not attempts.begin("name-0", "192.0.2.7", 0.0).known
    assert attempts.begin(f"name-{MAX_KNOWN + 9}", "192.0.2.7", 0.0).known
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::9") != network_of("2001:db8:1:3::9")
    assert network_of("::ffff:192.0.2.7") == network_of("192.0.2.7")
    assert len(network_of("x" * 1_000)) == 64


def test_a_flood_of_refusals_is_written_down_in_part_and_says_so() -> None:
    attempts = Attempts()
    told = [attempts.told(0.0) for _ in range(100)]
    assert told[: MAX_TOLD - 1] == ["wrong"] * (MAX_TOLD - 1)
    assert told[MAX_TOLD - 1] == "more_follow"
    assert set(told[MAX_TOLD:]) == {None}
    assert attempts.told(2.0) == "more_follow"
    assert attempts.told(600.0) == "wrong"
