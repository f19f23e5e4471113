"""500 nights of the world, and proof that it notices a broken rule.

`SEED=17 pytest tests/edge_agent/test_world.py -k bad_night` runs one of them again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import pytest

from contract.messages import AlarmReceipt, Lamps
from edge_agent import alarm_lane, gatherer, telemetry_lane
from edge_agent.alarm_lane import AlarmLane
from edge_agent.lamp import LampPanel
from edge_agent.telemetry_lane import Key, TelemetryLane
from tests.edge_agent.world import run
from tests.edge_agent.world_centre import WorldError

RUNS = 500
CHUNK = 50
_ONE = os.environ.get("SEED")
_FIRSTS = [int(_ONE)] if _ONE else list(range(1, RUNS + 1, CHUNK))


def run_many(runs: int, *, new_streams: bool = True) -> None:
    for seed in range(1, runs + 1):
        run(seed, new_streams=new_streams)


# In each fifty nights; what is rarer is in docs/edge-world.md.
MUST_HAPPEN = {
    "GNSS receivers gone back",
    "agents killed",
    "batches put aside, receipted by hash",
    "batches taken up from the card",
    "brokers killed",
    "card of presses failing",
    "card of readings failing",
    "cards stalled",
    "clock jumps",
    "collectors killed",
    "connections half open",
    "desks killed",
    "old lamp messages",
    "packets doubled",
    "packets dropped",
    "packets late and out of order",
    "presses in the ledger",
    "presses sent on the second path",
    "presses taken up from the card",
    "readings dropped and counted",
    "reboots",
    "repeats absorbed by the desk",
    "told to wait",
}


@pytest.mark.slow
@pytest.mark.parametrize("first", _FIRSTS)
def test_a_bad_night_loses_and_doubles_nothing(first: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(first, first + (1 if _ONE else CHUNK)):
        seen += run(seed).injected
    if not _ONE:
        assert not MUST_HAPPEN - {name for name, number in seen.items() if number}


def test_the_same_seed_is_the_same_night() -> None:
    assert run(5).injected == run(5).injected


def _forget_at_ringing(patch: pytest.MonkeyPatch) -> None:
    true = AlarmLane.receipt

    def receipt(self: AlarmLane, receipt: AlarmReceipt) -> object:
        return true(self, receipt.model_copy(update={"stage": "stored"}))

    patch.setattr(AlarmLane, "receipt", receipt)


def _forget_what_nobody_heard(patch: pytest.MonkeyPatch) -> None:
    def unheard(self: TelemetryLane, key: Key, monotonic_ns: int) -> None:
        entry = self._remove(key)
        self.receipted += entry.readings if entry is not None else 0

    patch.setattr(TelemetryLane, "unheard", unheard)


def _take_an_older_lamp_version(patch: pytest.MonkeyPatch) -> None:
    true = LampPanel.told

    def told(self: LampPanel, message: Lamps) -> bool:
        self._version = -1
        return true(self, message)

    patch.setattr(LampPanel, "told", told)


def _never_stand_still(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(AlarmLane, "telemetry_stands_still_until_ns", lambda self: None)


def _keep_nothing_that_was_in_flight(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TelemetryLane, "connected", lambda self, monotonic_ns: self._flight.clear())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (_forget_at_ringing, "forget on ringing"),
        (_forget_what_nobody_heard, "on the way|gone|lost"),
        (_take_an_older_lamp_version, "older lamp message"),
        (_never_stand_still, "stands still"),
        (_keep_nothing_that_was_in_flight, "on the way|gone|lost"),
        (lambda patch: patch.setattr(telemetry_lane, "WINDOW", 9), "9 batches are on the way"),
        (lambda patch: patch.setattr(telemetry_lane, "KEEP_AFTER_NS", 45 * 10**9), "in memory only for too long"),
        (lambda patch: patch.setattr(gatherer, "RECENT_TIMES", 1), "stored twice and differs"),
        (lambda patch: patch.setattr(alarm_lane, "SECOND_PATH_AFTER_NS", 10**15), "did not take the second path"),
        (lambda patch: patch.setattr(alarm_lane, "RESEND_AFTER_NS", (20 * 10**9,)), "was not sent for"),
    ],
)
def test_a_broken_rule_is_caught(
    monkeypatch: pytest.MonkeyPatch, break_it: Callable[[pytest.MonkeyPatch], None], words: str
) -> None:
    break_it(monkeypatch)
    with pytest.raises(WorldError, match=words):
        run_many(100)


@pytest.mark.slow
def test_batch_numbers_used_again_after_a_restart_are_caught() -> None:
    with pytest.raises(WorldError):
        run_many(100, new_streams=False)
