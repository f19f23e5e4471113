"""A box, a desk and a collector in virtual time and bad weather: `run(seed)` is one night, the same for the same seed.

A storm of faults drawn from the seed is followed by a calm in which everything stands. Then must hold:
- each press that was committed, or whose agent lived, is one row at the desk: none lost, none doubled;
- each reading is stored, or counted as dropped, or was lost with a killed agent's memory, and then was young;
- nothing that was stored twice differs; nothing waits any more; the lamps show what the desk says.
What must hold at every step is claimed where it happens: `world_box.py`, `world_centre.py`.

    python -m tests.edge_agent.world RUNS FIRST_SEED
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from contract.messages import Press
from contract.topics import Lane
from edge_agent.alarm_lane import KeptPress
from edge_agent.clock import EARLIEST_NS
from tests.edge_agent.world_box import BUTTONS, Box
from tests.edge_agent.world_card import Card, CardFile, Life
from tests.edge_agent.world_centre import DEVICE, LANES, Collector, Desk, WorldError, claim
from tests.edge_agent.world_net import MS, Broker, Loop, S, Topic, Transport, Weather

CALM_S = 2_400
TEN_YEARS_NS = 10 * 365 * 86_400 * S


class World:
    """One night.

    Args:
        seed: What everything is drawn from.
        new_streams: Whether each start of the agent mints a stream id, as it must; False is for proving the claims.
    """

    def __init__(self, seed: int, *, new_streams: bool = True) -> None:
        self.draw = draw = random.Random(seed)
        self.injected: Counter[str] = Counter()
        self.loop = loop = Loop()
        self.transport = Transport(loop, draw, self.injected)
        self.brokers = {lane: Broker(lane, self.transport, self._upward, self._listens) for lane in LANES}
        self.desk = Desk(loop, draw, self.brokers, self._true_ns, self.injected)
        self.collector = Collector(loop, draw, self.brokers["telemetry"], self.injected)
        self.card = Card(CardFile(loop, draw, self.injected), CardFile(loop, draw, self.injected))
        self.pressed: dict[str, Press] = {}
        self.in_window: set[str] = set()
        self.lost: set[int] = set()
        self.dropped: set[int] = set()
        self.readings = 0
        self.steps = 0
        self._new_streams = new_streams
        # In one night of twelve nobody tells the box the time for longer than it holds readings for it.
        self._dark = draw.random() < 1 / 12
        self._storm_ns = int((draw.uniform(30, 240) + (700 if self._dark else 0)) * S)
        self._gnss_back_ns = 0
        self._fixes: dict[int, str] = {}
        small = draw.random() < 0.25
        first = Life(
            boot="boot-0",
            booted_ns=-int(draw.uniform(10, 100) * S),
            stream=f"{draw.getrandbits(64):016x}",
            wall_ns=draw.choice((0, self._true_ns())),
            max_bytes=draw.choice((3_000, 12_000)) if small else 10**9,
            max_memory_bytes=draw.choice((4_000, 12_000)) if small else 8_000_000,
            max_rows=draw.choice((4, 20, 1_000)) if small else 30_000,
        )
        self.box = Box(loop, draw, self.card, first, self.brokers, self.injected)

    def run(self) -> None:
        """Live through the night, and claim what must hold after it.

        Raises:
            WorldError: A claim does not hold.
        """
        draw, storm_ns = self.draw, self._storm_ns
        harsh = draw.random()
        self.transport.weather = Weather(
            drop=0.3 * harsh**2, double=0.2 * harsh, late=0.2 * harsh, delay_ns=int((20 + 1_500 * harsh**3) * MS)
        )
        if draw.random() < 0.2:
            self.injected["nights with a slow uplink"] += 1
            self.transport.weather.bytes_per_s = draw.choice((200.0, 800.0, 4_000.0))
        if self._dark:
            self.injected["nights without time or link for 10 minutes"] += 1
            self._reach(False)
            self.loop.after(int(draw.uniform(620, 700) * S), lambda: self._reach(True))
        self._sample_every(draw.uniform(0.7, 4.0) * (4 if self._dark else 1))
        for _ in range(draw.randint(0, 5)):
            self._at_some_time(self._press)
        faults = self._faults()
        for _ in range(draw.randint(2, 12)):
            self._at_some_time(draw.choice(faults))
        self.steps += self.loop.run_until(storm_ns)
        self._calm()
        deadline_ns = storm_ns + CALM_S * S
        while self.loop.now_ns < deadline_ns and not self._settled():
            self.steps += self.loop.run_until(self.loop.now_ns + 5 * S)
        self._judge()

    # --- the storm

    def _faults(self) -> list[Callable[[], None]]:
        desk, collector, card = self.desk, self.collector, self.card
        faults: list[Callable[[], None]] = [self._kill_agent, self._kill_agent, self._reboot, self._tell_time]
        for lane in LANES:
            faults += [
                lambda lane=lane: self._kill_broker(lane),  # type: ignore[misc]
                lambda lane=lane: self.box.sessions[lane].go_half_open(),  # type: ignore[misc]
                lambda lane=lane: self._cut_off(lane),  # type: ignore[misc]
            ]
        faults += [
            self._kill_desk,
            self._kill_collector,
            lambda: self._for_a_while("desk's disk full", desk, "full"),
            lambda: self._for_a_while("store down", collector, "store_down"),
            lambda: self._for_a_while("store slow", collector, "slow"),
            lambda: self._for_a_while("card of presses failing", card.alarms, "failing"),
            lambda: self._for_a_while("card of readings failing", card.telemetry, "failing"),
            lambda: self._stall(card.alarms),
            lambda: self._stall(card.telemetry),
            self._fill_card,
            self._fill_card,
            self._damage_file,
            self._damage_file,
            self._gnss_steps_back,
        ]
        return faults

    def _press(self) -> None:
        box = self.box
        if not box.alive:
            return
        number = len(self.pressed)
        press = Press(
            event_id=f"{self.draw.getrandbits(32):08x}-0000-7000-8000-{number:012x}",
            device=DEVICE,
            button=self.draw.choice(BUTTONS),
            cause="press",
            status="Actual",
            pressed_at_ns=box.clock.time_ns(box.now_ns),
            clock=box.clock.source,
            age_ms=0,
            stream=box.life.stream,
            sequence=number,
        )
        self.pressed[press.event_id] = press
        self.injected["presses"] += 1
        box.press(KeptPress(press, box.life.boot, box.now_ns))
        if self.draw.random() < 0.1:
            self.loop.after(int(self.draw.random() * 80 * MS), self._kill_agent)

    def _sample_every(self, interval_s: float) -> None:
        if self.loop.now_ns >= self._storm_ns:
            return
        self.loop.after(int(interval_s * S * self.draw.uniform(0.7, 1.3)), lambda: self._sample_every(interval_s))
        draw, box = self.draw, self.box
        if not box.alive:
            return
        late_ns = int(draw.random() * 50 * MS)
        for _ in range(3 if draw.random() < 0.1 else 1):  # several sentences in one read share its moment
            box.sample("level", "water_level", self._number(), None, late_ns)
        if draw.random() < 0.5 and not self._dark:
            fix_ns = (self._true_ns() - self._gnss_back_ns) // S * S
            # A fix is said once; one said again to another life of the agent is beyond what memory can know.
            if self._fixes.setdefault(fix_ns, box.life.stream) == box.life.stream:
                box.sample("gps", "position", self._number(), fix_ns, late_ns)

    def _number(self) -> int:
        self.readings += 1
        return self.readings

    def _kill_agent(self) -> None:
        if not self.box.alive:
            return
        self.injected["agents killed"] += 1
        self._die()
        self.loop.after(int(self.draw.uniform(0.3, 6) * S), lambda: self._start_agent(self.box.life))

    def _reboot(self) -> None:
        if not self.box.alive:
            return
        self.injected["reboots"] += 1
        self._die()
        later_ns = int(self.draw.uniform(5, 40) * S)
        wall_ns = self.draw.choice((0, 17 * S, self._true_ns() - 3_600 * S))
        life = replace(
            self.box.life, boot=f"boot-{self.steps}-{self.loop.now_ns}", booted_ns=self.loop.now_ns, wall_ns=wall_ns
        )
        self.loop.after(later_ns, lambda: self._start_agent(life))

    def _die(self) -> None:
        lost = self.box.kill()
        self.injected["readings lost at restart"] += len(lost)
        self.lost |= lost
        self.dropped |= self.box.dropped_readings
        # Presses of this life that are neither committed nor known to the desk: the documented window.
        self.in_window |= set(self.pressed) - self.card.committed

    def _start_agent(self, life: Life) -> None:
        if self.box.alive:
            return
        if self._new_streams:
            life = replace(life, stream=f"{self.draw.getrandbits(64):016x}")
        self.box = Box(self.loop, self.draw, self.card, life, self.brokers, self.injected)

    def _kill_broker(self, lane: Lane) -> None:
        broker = self.brokers[lane]
        if not broker.alive:
            return
        self.injected["brokers killed"] += 1
        broker.kill()
        self._unlink(lane)

        def start() -> None:
            broker.alive = True
            self.loop.after(int(self.draw.uniform(0.1, 5) * S), lambda: self._link(lane))

        self.loop.after(int(self.draw.uniform(0.5, 60) * S), start)

    def _unlink(self, lane: Lane) -> None:
        self.desk.linked[lane] = False
        if lane == "telemetry":
            self.collector.linked = False

    def _link(self, lane: Lane) -> None:
        if not self.brokers[lane].alive:
            return
        self.desk.linked[lane] = True
        if lane == "telemetry":
            self.collector.linked = True
        self.desk.publish_lamps()

    def _cut_off(self, lane: Lane) -> None:
        self.injected["links cut"] += 1
        broker = self.brokers[lane]
        broker.reachable = False
        self.box.sessions[lane].go_half_open()
        if not self._dark:
            self.loop.after(int(self.draw.uniform(2, 90) * S), lambda: setattr(broker, "reachable", True))

    def _reach(self, reachable: bool) -> None:
        for broker in self.brokers.values():
            broker.reachable = reachable

    def _kill_desk(self) -> None:
        if not self.desk.alive:
            return
        self.injected["desks killed"] += 1
        self.desk.kill()
        self.loop.after(int(self.draw.uniform(1, 60) * S), self.desk.start)

    def _kill_collector(self) -> None:
        if not self.collector.alive:
            return
        self.injected["collectors killed"] += 1
        self.collector.kill()
        self.loop.after(int(self.draw.uniform(1, 60) * S), lambda: setattr(self.collector, "alive", True))

    def _for_a_while(self, name: str, part: object, switch: str) -> None:
        self.injected[name] += 1
        setattr(part, switch, True)
        self.loop.after(int(self.draw.uniform(1, 90) * S), lambda: setattr(part, switch, False))

    def _stall(self, file: CardFile) -> None:
        self.injected["cards stalled"] += 1
        file.stall_until_ns = self.loop.now_ns + int(self.draw.uniform(1, 15) * S)

    def _fill_card(self) -> None:
        """Others fill the card: the telemetry file may not grow for a while."""
        self.injected["cards full"] += 1
        self.card.room = self.card.used
        self.card.reserve = self.draw.random() < 0.7
        self.loop.after(int(self.draw.uniform(5, 150) * S), lambda: setattr(self.card, "room", None))

    def _damage_file(self) -> None:
        if self.card.batches:
            self.injected["files set aside"] += 1
            # What no life has taken up yet, none can count.
            self.lost |= self.card.lose_file(lambda key: self.box.alive and key in self.box.readings)

    def _tell_time(self) -> None:
        """NTP speaks, sometimes ten years off, and is put right later."""
        if self._dark:
            return
        self.injected["clock jumps"] += 1
        off_ns = self.draw.choice((0, -300 * MS, 5 * S, -40 * S, TEN_YEARS_NS, -TEN_YEARS_NS))

        def tell(off_ns: int) -> None:
            if self.box.alive:
                self.box.clock.tell("ntp", self._true_ns() + off_ns, self.box.now_ns)
                self.box.pump_readings()

        tell(off_ns)
        self.loop.after(int(self.draw.uniform(5, 60) * S), lambda: tell(0))

    def _gnss_steps_back(self) -> None:
        self.injected["GNSS receivers gone back"] += 1
        self._gnss_back_ns = int(self.draw.uniform(1, 9) * S)

    def _at_some_time(self, event: Callable[[], None]) -> None:
        self.loop.after(int(self.draw.random() * self._storm_ns), event)

    # --- the network's ends, and time

    def _upward(self, lane: Lane, topic: Topic, body: bytes) -> None:
        if topic == "telemetry":
            if self.collector.alive and self.collector.linked:
                self.collector.hear(body)
        elif self.desk.alive and self.desk.linked[lane]:
            if topic == "alarm":
                self.desk.hear(lane, body)
            else:
                self.desk.publish_lamps()

    def _listens(self, lane: Lane, topic: Topic) -> bool:
        if topic == "telemetry":
            return self.collector.alive and self.collector.linked
        return self.desk.alive and self.desk.linked[lane]

    def _true_ns(self) -> int:
        return EARLIEST_NS + 20 * 365 * 86_400 * S + self.loop.now_ns

    # --- the calm

    def _calm(self) -> None:
        """Nothing is injected any more, and what ends later by itself ends."""
        self.transport.weather = Weather()
        self._reach(True)
        # The last fault still ends by itself within 100 s; nothing else is injected from here on.
        self.steps += self.loop.run_until(self.loop.now_ns + 100 * S)
        claim(self.box.alive and self.desk.alive and self.collector.alive, "the world did not come to rest")

    def _settled(self) -> bool:
        box = self.box
        waits = len(box.presses) or box.gatherer.waiting or box.readings.waiting or self.desk.busy
        return not waits and self._lamps_agree() and self.loop.now_ns > self._storm_ns + 240 * S

    def _lamps_agree(self) -> bool:
        box = self.box
        return all(box.panel[button].pattern(box.now_ns)[0] == self.desk.lamps.get(button, "off") for button in BUTTONS)

    def _judge(self) -> None:
        box = self.box
        claim(not len(box.presses), "a press still waits")
        claim(not box.gatherer.waiting and not box.readings.waiting, f"{box.readings.waiting} readings still wait")
        claim(self._lamps_agree(), "a lamp does not show the desk's state")
        box.check_books()
        box.settle_accounts()
        self.dropped |= box.dropped_readings
        rows = Counter(press.event_id for press in self.desk.rows)
        for event_id in self.pressed:
            claim(rows[event_id] <= 1, f"press {event_id} is doubled")
            if not rows[event_id]:
                claim(event_id in self.in_window and event_id not in self.card.committed, f"press {event_id} is lost")
                self.injected["presses lost in the window before the commit"] += 1
        for row in self.desk.rows:
            frozen = row.model_copy(update={"age_ms": 0, "attempt": 1})
            claim(frozen == self.pressed[row.event_id], f"press {row.event_id} changed on its way")
        everything = set(range(1, self.readings + 1))
        missing = everything - self.collector.stored - self.dropped - self.lost
        claim(not missing, f"readings {sorted(missing)[:5]} of {len(missing)} are lost and not counted")
        self.injected["readings"] += self.readings
        self.injected["readings dropped and counted"] += len(self.dropped)
        self.injected["readings lost with a killed agent, not stored"] += len(self.lost - self.collector.stored)
        self.injected["presses in the ledger"] += len(self.desk.rows)


def run(seed: int, *, new_streams: bool = True) -> World:
    """Run one night.

    Raises:
        WorldError: A claim does not hold; the words name the seed and the moment.
    """
    world = World(seed, new_streams=new_streams)
    try:
        world.run()
    except WorldError as error:
        moment_s = world.loop.now_ns / S
        raise WorldError(f"{error} (at {moment_s:.3f} s; again with SEED={seed})") from None
    return world


def soak(runs: int, first_seed: int) -> int:
    """Run many nights, tell of the progress, and print what was injected; return how many failed."""
    total: Counter[str] = Counter()
    failed = steps = 0
    began_s = told_s = time.monotonic()
    for number in range(runs):
        try:
            world = run(first_seed + number)
        except WorldError as error:
            failed += 1
            print(f"FAILED: {error}", flush=True)
            continue
        total += world.injected
        steps += world.steps
        if time.monotonic() - told_s >= 10:
            told_s = time.monotonic()
            print(f"{number + 1} of {runs} runs, {failed} failed", flush=True)
    print(f"seeds {first_seed} to {first_seed + runs - 1}: {runs} runs, {failed} failed, {steps} events", end="")
    print(f", {time.monotonic() - began_s:.0f} s; " + ", ".join(f"{name} {n}" for name, n in sorted(total.items())))
    return failed


if __name__ == "__main__":
    sys.exit(1 if soak(int(sys.argv[1]), int(sys.argv[2])) else 0)
