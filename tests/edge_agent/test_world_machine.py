"""The world under Hypothesis: presses, readings, time and faults in any order, then a calm; a failure is shrunk.

`test_world.py` draws whole nights; here each step is a rule, claims are held after each, and what fails is told as the
shortest night that Hypothesis finds. `make soak-machine RUNS=10000` runs more of them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from contract.messages import AlarmReceipt, Lamps
from contract.topics import Lane
from edge_agent import alarm_lane, gatherer, telemetry_lane
from edge_agent.alarm_lane import AlarmLane
from edge_agent.lamp import LampPanel
from edge_agent.shelf import Shelf
from edge_agent.telemetry_lane import TelemetryLane
from tests.edge_agent.world import CALM_S, World
from tests.edge_agent.world_box import BUTTONS
from tests.edge_agent.world_centre import LANES, WorldError, claim
from tests.edge_agent.world_net import MS, S, Weather

RUNS: Final = int(os.environ.get("RUNS", "250"))
STEPS: Final = 16
_WAITS_S: Final = (0.05, 0.3, 1.0, 2.5, 4.0, 11.0)
_LONG_WAITS_S: Final = (31.0, 45.0, 65.0)
seen: Counter[str] = Counter()

NIGHTS: Final = settings(
    max_examples=RUNS,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


class Night(RuleBasedStateMachine):
    """One night, told step by step."""

    new_streams = True

    def __init__(self) -> None:
        super().__init__()
        self.failed = False

    @initialize(seed=st.integers(0, 2**20), every_s=st.sampled_from([1.0, 4.0]))
    def begin(self, seed: int, every_s: float) -> None:
        """The evening. The seed draws what the rules leave open: delays, what is lost, how long a fault lasts."""
        self.world = World(seed, new_streams=self.new_streams)
        self.world._dark = False
        self.world._storm_ns = 10**18
        self.world._sample_every(every_s)

    def claimed(self, event: Callable[[], None]) -> None:
        try:
            event()
        except WorldError:
            self.failed = True
            raise

    # --- what people and sensors do

    @rule(wait_s=st.sampled_from(_WAITS_S))
    def time_passes(self, wait_s: float) -> None:
        world = self.world
        self.claimed(lambda: self._advance(int(wait_s * S)))
        world.injected["seconds"] += int(wait_s)

    @rule(wait_s=st.sampled_from(_LONG_WAITS_S))
    def much_time_passes(self, wait_s: float) -> None:
        self.time_passes(wait_s)

    @rule(presses=st.integers(1, 3))
    def press(self, presses: int) -> None:
        for _ in range(presses):
            self.claimed(self.world._press)
        # A commit takes up to 60 ms here: some of those that follow at once come before it.
        self.claimed(lambda: self._advance(int(self.world.draw.uniform(0, 300) * MS)))

    @rule(readings=st.integers(1, 25))
    def readings_in_one_moment(self, readings: int) -> None:
        box = self.world.box
        for _ in range(readings if box.alive else 0):
            self.claimed(lambda: box.sample("burst", "level", self.world._number(), None))
        self.claimed(lambda: self._advance(MS))

    # --- what goes wrong

    @rule(
        fault=st.sampled_from(
            ["_kill_agent", "_reboot", "_tell_time", "_gnss_steps_back", "_fill_card", "_damage_file"]
            + [f"{name} {file}" for name in ("stall", "refuse") for file in ("alarms", "telemetry")]
        )
    )
    def the_box_suffers(self, fault: str) -> None:
        world = self.world
        name, _, file = fault.partition(" ")
        if name == "stall":
            world._stall(getattr(world.card, file))
        elif name == "refuse":
            world._for_a_while("cards refusing", getattr(world.card, file), "failing")
        else:
            self.claimed(getattr(world, name))

    @rule(lane=st.sampled_from(LANES), fault=st.sampled_from(["_kill_broker", "_cut_off", "go_half_open"]))
    def the_network_suffers(self, lane: Lane, fault: str) -> None:
        if fault == "go_half_open":
            self.world.box.sessions[lane].go_half_open()
        else:
            self.claimed(lambda: getattr(self.world, fault)(lane))

    @rule(
        drop=st.sampled_from([0.0, 0.1, 0.3]),
        double=st.sampled_from([0.0, 0.2]),
        late=st.sampled_from([0.0, 0.2]),
        delay_ms=st.sampled_from([20, 300, 1_500]),
        bytes_per_s=st.sampled_from([None, None, None, 200.0, 4_000.0]),
    )
    def weather_turns(self, drop: float, double: float, late: float, delay_ms: int, bytes_per_s: float | None) -> None:
        self.world.transport.weather = Weather(drop, double, late, delay_ms * MS, bytes_per_s)

    @rule(fault=st.sampled_from(["_kill_desk", "_kill_collector", "full", "store_down", "slow"]))
    def the_centre_suffers(self, fault: str) -> None:
        world = self.world
        if fault.startswith("_"):
            getattr(world, fault)()
        else:
            world._for_a_while(fault, world.desk if fault == "full" else world.collector, fault)

    # --- what holds at each step

    @invariant()
    @precondition(lambda self: hasattr(self, "world") and not self.failed)
    def no_committed_press_is_nowhere_and_none_is_twice(self) -> None:
        world = self.world
        rows = Counter(press.event_id for press in world.desk.rows)
        here = set(rows) | set(world.card.presses)
        if world.box.alive:
            here |= {kept.press.event_id for kept in world.box.presses.waiting()}
        self.claimed(lambda: claim(world.card.committed <= here, f"presses {world.card.committed - here} are nowhere"))
        self.claimed(lambda: claim(max(rows.values(), default=1) == 1, "a press is doubled"))

    @invariant()
    @precondition(lambda self: hasattr(self, "world") and not self.failed)
    def books_balance(self) -> None:
        box = self.world.box
        if box.alive:
            self.claimed(box.readings_side.check_books)

    def teardown(self) -> None:
        """The calm, and the judgement after it."""
        if self.failed or not hasattr(self, "world"):
            return
        world = self.world
        world._storm_ns = world.loop.now_ns
        world._calm()
        deadline_ns = world.loop.now_ns + CALM_S * S
        while world.loop.now_ns < deadline_ns and not self._settled():
            self._advance(2 * S)
        world._judge()
        seen.update(world.injected)
        seen["nights"] += 1
        seen["events"] += world.steps

    def _settled(self) -> bool:
        box, desk = self.world.box, self.world.desk
        waits = len(box.presses) or box.gatherer.waiting or box.readings.waiting or desk.busy
        return not waits and self.world._lamps_agree()

    def _advance(self, lasting_ns: int) -> None:
        self.world.steps += self.world.loop.run_until(self.world.loop.now_ns + lasting_ns)


@pytest.mark.slow
def test_no_order_of_steps_loses_or_doubles_anything(record_property: Callable[[str, object], None]) -> None:
    assert len(BUTTONS) == 2
    seen.clear()
    run_state_machine_as_test(Night, settings=NIGHTS)
    assert seen["nights"] >= RUNS
    assert not [name for name in MUST_HAPPEN if not seen[name]]
    told = ", ".join(f"{name} {number}" for name, number in sorted(seen.items()))
    record_property("told", f"{RUNS} runs: {told}" if RUNS > 500 else f"{RUNS} runs of the machine")


MUST_HAPPEN: Final = (
    "presses in the ledger",
    "repeats absorbed by the desk",
    "presses taken up from the card",
    "presses sent on the second path",
    "batches taken up from the card",
    "readings dropped and counted",
    "agents killed",
    "reboots",
    "brokers killed",
    "desks killed",
    "collectors killed",
    "connections half open",
    "links cut",
    "packets doubled",
    "packets late and out of order",
    "desk commits failed",
    "told to wait",
    "cards stalled",
    "writes refused by the card",
    "cards full",
    "clock jumps",
)


class Forgetful(Night):
    """Batch numbers are used again after a restart."""

    new_streams = False


def _forget_at_ringing(patch: pytest.MonkeyPatch) -> None:
    true = AlarmLane.receipt
    patch.setattr(
        AlarmLane,
        "receipt",
        lambda self, told: true(self, AlarmReceipt.model_validate({**dict(told), "stage": "stored"})),
    )


def _take_an_older_lamp_version(patch: pytest.MonkeyPatch) -> None:
    true = LampPanel.told

    def told(self: LampPanel, message: Lamps) -> bool:
        self._version = -1
        return true(self, message)

    patch.setattr(LampPanel, "told", told)


BROKEN: Final[dict[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "forgotten at ringing": _forget_at_ringing,
    "an older lamp message taken": _take_an_older_lamp_version,
    "no standstill": lambda patch: patch.setattr(AlarmLane, "telemetry_stands_still_until_ns", lambda self: None),
    "a lost connection's batches not sent again": lambda patch: patch.setattr(
        TelemetryLane, "connected", lambda self, monotonic_ns: self._flight.clear()
    ),
    "a window of 9": lambda patch: patch.setattr(telemetry_lane, "WINDOW", 9),
    "kept too late": lambda patch: patch.setattr(telemetry_lane, "KEEP_AFTER_NS", 45 * S),
    "times not remembered": lambda patch: patch.setattr(gatherer, "RECENT_TIMES", 1),
    "no second path": lambda patch: patch.setattr(alarm_lane, "SECOND_PATH_AFTER_NS", 10**15),
    "sent again too late": lambda patch: patch.setattr(alarm_lane, "RESEND_AFTER_NS", (20 * S,)),
    "a file set aside not noticed": lambda patch: patch.setattr(Shelf, "set_aside", lambda self, file: False),
}


RARELY_FOUND: Final = ("kept too late", "a file set aside not noticed")


@pytest.mark.slow
@pytest.mark.parametrize("rule_broken", [name for name in BROKEN if RUNS > 500 or name not in RARELY_FOUND])
def test_a_broken_rule_is_caught(monkeypatch: pytest.MonkeyPatch, rule_broken: str) -> None:
    BROKEN[rule_broken](monkeypatch)
    _is_caught(Night)


@pytest.mark.slow
def test_batch_numbers_used_again_after_a_restart_are_caught() -> None:
    _is_caught(Forgetful)


def _is_caught(night: type[Night]) -> None:
    """Claim that a run finds it; it need not be shrunk."""
    quick = settings(NIGHTS, max_examples=max(RUNS, 1_000), phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(WorldError):
        run_state_machine_as_test(night, settings=quick)
