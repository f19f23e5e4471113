"""The measured uplink, against links simulated in virtual time."""

from __future__ import annotations

import pytest

from edge_agent.uplink_rate import FLOOR_BYTES_PER_S, OVERHEAD_BYTES, START_BYTES_PER_S, UplinkRate

S = 10**9
MS = 10**6


class Link:
    """A link with a rate, a delay and an endless buffer; a sender that always or each second has something to send."""

    def __init__(self, bytes_per_s: float, delay_ms: int = 50) -> None:
        self.bytes_per_s, self.delay_ns = bytes_per_s, delay_ms * MS
        self.rate = UplinkRate()
        self.now_ns = 0
        self.free_ns = 0
        self.most = 0
        self._answers: list[tuple[int, int]] = []
        self._sending = 0

    def offer(self, body_bytes: int) -> bool:
        if not self.rate.allows(body_bytes):
            return False
        self._sending += 1
        self.rate.sent(self._sending, body_bytes, self.now_ns)
        self.free_ns = max(self.free_ns, self.now_ns) + int((body_bytes + OVERHEAD_BYTES) / self.bytes_per_s * S)
        self._answers.append((self.free_ns + self.delay_ns, self._sending))
        self.most = max(self.most, self.rate.on_the_way)
        return True

    def answer(self) -> None:
        self.now_ns, sending = self._answers.pop(0)
        self.rate.acknowledged(sending, self.now_ns)

    def saturate(self, body_bytes: int, messages: int) -> None:
        for _ in range(messages):
            while self.offer(body_bytes):
                pass
            self.answer()
        while self._answers:
            self.answer()

    def trickle(self, body_bytes: int, seconds: int) -> None:
        for second in range(self.now_ns // S + 1, self.now_ns // S + 1 + seconds):
            while self._answers and self._answers[0][0] <= second * S:
                self.answer()
            self.now_ns = second * S
            self.offer(body_bytes)


@pytest.mark.parametrize("bytes_per_s", [200.0, 1_000.0, 20_000.0, 1e6])
@pytest.mark.parametrize("delay_ms", [1, 300])
def test_a_busy_link_is_measured_within_a_few_seconds(bytes_per_s: float, delay_ms: int) -> None:
    link = Link(bytes_per_s, delay_ms)
    link.saturate(100, 40)
    link.saturate(100, 400)
    assert 0.5 * min(bytes_per_s, 50_000) <= link.rate.bytes_per_s <= 1.3 * bytes_per_s


def test_on_a_link_of_200_bytes_a_second_two_seconds_of_bytes_are_on_the_way() -> None:
    link = Link(200)
    link.saturate(150, 10)
    link.most = 0
    link.saturate(150, 200)
    assert link.most <= 2 * 1.1 * 200
    assert link.rate.limits


def test_one_message_always_goes_however_long_and_no_second_one_beside_it() -> None:
    rate = UplinkRate()
    assert rate.allows(10**6)
    rate.sent(1, 10**6, 0)
    assert not rate.allows(1)
    assert rate.full
    rate.acknowledged(1, S)
    assert not rate.full


def test_an_idle_link_lowers_nothing() -> None:
    link = Link(1e6)
    link.saturate(2_000, 50)
    before = link.rate.bytes_per_s
    link.trickle(300, 60)
    assert link.rate.bytes_per_s >= before
    assert not link.rate.limits


def test_one_slow_answer_on_an_idle_link_lowers_nothing() -> None:
    rate = UplinkRate()
    rate.bytes_per_s = 50_000
    rate.sent(1, 2_000, 0)
    rate.acknowledged(1, 3 * S)
    assert rate.bytes_per_s == 50_000


def test_a_link_that_became_slow_is_noticed_by_what_stands_behind_another() -> None:
    link = Link(1e6)
    link.saturate(2_000, 50)
    link.bytes_per_s = 1_000
    link.trickle(1_900, 30)
    assert link.rate.bytes_per_s <= 2_000
    assert link.rate.limits


def test_a_link_that_became_fast_again_is_noticed_in_a_few_round_trips() -> None:
    link = Link(200)
    link.saturate(150, 30)
    link.bytes_per_s = 1e6
    began_ns = link.now_ns
    link.saturate(2_000, 60)
    assert link.rate.bytes_per_s > 20_000
    assert not link.rate.limits
    assert link.now_ns - began_ns < 10 * S


def test_a_latency_below_two_seconds_holds_nothing_up_that_comes_each_second() -> None:
    link = Link(1e6, delay_ms=1_500)
    link.trickle(1_900, 20)
    refused = 0
    for _ in range(60):
        link.trickle(1_900, 1)
        refused += link.rate.on_the_way == 0
    assert refused == 0


def test_a_burst_that_passes_at_once_doubles_the_estimate_and_no_more() -> None:
    rate = UplinkRate()
    for sending in range(4):
        rate.sent(sending, 5_000, 0)
    for sending in range(4):
        rate.acknowledged(sending, 2 * MS)
    assert rate.bytes_per_s == 2 * START_BYTES_PER_S, "once in a round trip"


def test_the_estimate_has_a_floor_and_outlives_the_connection() -> None:
    rate = UplinkRate()
    rate.sent(1, 5_000, 0)
    rate.sent(2, 10, 0)
    rate.acknowledged(1, 3_600 * S)
    assert rate.bytes_per_s == FLOOR_BYTES_PER_S
    rate.reset()
    assert (rate.on_the_way, rate.bytes_per_s) == (0, FLOOR_BYTES_PER_S)
    assert not rate.acknowledged(2, 3_601 * S), "of the connection before"


def test_what_was_not_handed_over_is_not_on_the_way() -> None:
    rate = UplinkRate()
    rate.sent(1, 400, 0)
    assert rate.not_sent(1)
    assert not rate.not_sent(1)
    assert rate.on_the_way == 0
