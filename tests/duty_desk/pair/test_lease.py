"""The lease in virtual time: two desks that freeze, are cut off, lose the database or end, and clocks that jump.

The server's table and a broker are modelled; what decides is the desks' own code.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from duty_desk.pair.tenure import DEAF_NS, ECHO_NS, FREEZE_NS, LISTEN_NS, PATIENCE_NS, STUCK_NS, Tenure
from duty_desk.pair.watch import Sight, Watch

S = 10**9
STEP = S // 20
LEASE = 5 * S


class World:
    """What both desks share: time, the server's table and clock, and a broker."""

    def __init__(self) -> None:
        self.now_ns = 1_000 * S
        self.server_ns = 0
        self.holder, self.epoch, self.until_ms = "", 0, 0
        self.beats: list[tuple[int, str, int, int]] = []

    def server_ms(self) -> int:
        """Return the server's clock."""
        return (self.now_ns + self.server_ns) // 1_000_000

    def sight(self) -> Sight:
        """Return what a look at the lease gives."""
        return Sight(self.holder, self.epoch, self.until_ms, self.server_ms())

    def hold(self, name: str, epoch: int) -> None:
        """Write the row."""
        self.holder, self.epoch, self.until_ms = name, epoch, self.server_ms() + LEASE // 1_000_000


class Actor:
    """One desk: a process that stands by, owns, or is about to be started again."""

    def __init__(self, name: str, world: World, dice: random.Random) -> None:
        self.name = name
        self.world = world
        self.wall_ns = 0
        self.database = self.broker = True
        self.frozen_ns = self.down_ns = 0
        self.tenure: Tenure | None = None
        self.remembered: int | None = None
        self._offset_ns = dice.randrange(10**6 * S)
        self._dice = dice
        self._inbox: list[tuple[str, int, int]] = []
        self._seen = 0
        self._began_ns = 0
        self._answered = False
        self._next: dict[str, int] = {}
        self._start()

    def clock(self) -> int:
        """Return its own time since the start of its machine."""
        return self.world.now_ns + self._offset_ns

    @property
    def acts(self) -> bool:
        """Whether it says anything to anybody now."""
        running = self.world.now_ns >= max(self.frozen_ns, self.down_ns)
        return running and self.broker and self.tenure is not None and self.tenure.good

    def kill(self) -> None:
        """End its process; it is started again after a second."""
        self.down_ns = self.world.now_ns + S
        self._start()

    def step(self) -> None:
        """Let it do what is due."""
        if self.broker:
            self._inbox += [(desk, epoch, stamp) for _, desk, epoch, stamp in self.world.beats[self._seen :]]
        self._seen = len(self.world.beats)
        if self.world.now_ns < self.down_ns:
            self._inbox.clear()
            return
        if self.world.now_ns < self.frozen_ns:
            return
        work: list[Callable[[], None]] = [self._hear, self._tick, self._ask, self._beat]
        self._dice.shuffle(work)  # after a thaw anything may come first
        for each in work:
            each()
            if self.tenure is not None and self.tenure.lost is not None:
                self.remembered = None
                self.kill()
                return

    def cut(self, *, broker: bool, database: bool) -> None:
        """Cut or mend its ways."""
        if self.broker and not broker and self.tenure is not None:
            self.tenure.link("alarm", False)
        self.broker, self.database = broker, database

    def _start(self) -> None:
        self.tenure, self._inbox, self._answered = None, [], False
        self._watch = Watch(self.name, LEASE, self.remembered)
        self._began_ns = max(self.world.now_ns, self.down_ns)
        self._next = {}

    def _due(self, what: str, each_ns: int) -> bool:
        if self.world.now_ns < self._next.get(what, 0):
            return False
        self._next[what] = self.world.now_ns + each_ns
        return True

    def _hear(self) -> None:
        heard, self._inbox = self._inbox, []
        for desk, epoch, stamp in heard:
            if self.tenure is not None:
                self.tenure.heard(desk, epoch, stamp)

    def _tick(self) -> None:
        if self.tenure is not None and self._due("tick", S // 5):
            self.tenure.tick()

    def _ask(self) -> None:
        if self.tenure is None:
            if self._due("look", S // 2):
                self._look()
        elif self._due("renew", S):
            asked_ns = self.tenure.asked()
            if not self.database:
                self.tenure.failed(asked_ns)
            elif (self.world.holder, self.world.epoch) == (self.name, self.tenure.epoch):
                self.world.hold(self.name, self.tenure.epoch)
                self.tenure.renewed(asked_ns)
            else:
                self.tenure.lose("another desk's")

    def _look(self) -> None:
        if not self.database:
            claims = self.remembered is not None and not self._answered
            if claims and self.world.now_ns - self._began_ns > 3 * S:
                self._own(self.remembered or 0, None)
            return
        self._answered = True
        sight = self.world.sight()
        if self._watch.due(sight, self.clock()):
            self.world.hold(self.name, sight.epoch + 1)
            self._own(sight.epoch + 1, self.clock())

    def _own(self, epoch: int, renewed_ns: int | None) -> None:
        self.remembered = epoch
        self.tenure = Tenure(self.name, epoch, LEASE, renewed_ns=renewed_ns, now_ns=self.clock)

    def _beat(self) -> None:
        if self.tenure is None or not self._due("beat", 2 * S):
            return
        if not self.broker or not self.tenure.may_beat:
            self._next["beat"] = self.world.now_ns + S // 5 if not self.broker else self._next["beat"]
            self.tenure.announce()
            return
        stamp = self.world.now_ns + self.wall_ns + len(self.world.beats)
        self.tenure.beat(stamp)
        self.world.beats.append((self.world.now_ns, self.name, self.tenure.epoch, stamp))
        self.tenure.announce()


def _trouble(actor: Actor, world: World, dice: random.Random, *, jumps: bool) -> None:
    what = dice.choice(("freeze", "kill", "cut", "database", "mend", "mend", "wall", "server"))
    if what == "freeze":
        actor.frozen_ns = world.now_ns + dice.randrange(12 * S)
    elif what == "kill":
        actor.kill()
    elif what == "cut":
        actor.cut(broker=False, database=False)
    elif what == "database":
        actor.cut(broker=actor.broker, database=False)
    elif what == "mend":
        actor.cut(broker=True, database=True)
    elif what == "wall":
        actor.wall_ns += dice.randrange(-(10**6) * S, 10**6 * S)
    elif what == "server" and jumps:
        world.server_ns += dice.randrange(-1_000 * S, 1_000 * S)


def _live(seed: int, *, jumps: bool) -> tuple[int, int]:
    """Return for how long both acted at once at most, in ns, and how many epochs there were."""
    dice, world = random.Random(seed), World()
    both = [Actor(name, world, dice) for name in ("desk", "desk-2")]
    longest = since = 0
    owners: dict[int, str] = {}
    end_ns, calm_ns = world.now_ns + 75 * S, world.now_ns + 45 * S
    while world.now_ns < end_ns:
        world.now_ns += STEP
        if world.now_ns < calm_ns and dice.random() < STEP / (2 * S):
            _trouble(dice.choice(both), world, dice, jumps=jumps)
        if world.now_ns == calm_ns:
            for actor in both:
                actor.cut(broker=True, database=True)
        for actor in dice.sample(both, 2):
            actor.step()
            if actor.tenure is not None:
                assert owners.setdefault(actor.tenure.epoch, actor.name) == actor.name, "an epoch has one owner"
        since = since + STEP if all(actor.acts for actor in both) else 0
        longest = max(longest, since)
    assert sum(actor.acts for actor in both) == 1, "in peace one owns"
    return longest, len(owners)


@pytest.mark.slow
def test_fault_35_of_two_desks_never_both_act_whatever_freezes_is_cut_or_restarted() -> None:
    took = 0
    for seed in range(40):
        overlap_ns, epochs = _live(seed, jumps=False)
        assert overlap_ns <= STEP, f"seed {seed}: both acted for {overlap_ns / 1e9} s"
        took += epochs
    assert took > 120, "the troubles do move the lease"


@pytest.mark.slow
def test_fault_35_a_clock_of_the_server_that_jumps_lets_both_act_for_less_than_a_renewal() -> None:
    for seed in range(1_000, 1_020):
        overlap_ns, _ = _live(seed, jumps=True)
        assert overlap_ns <= S + 2 * STEP, f"seed {seed}: both acted for {overlap_ns / 1e9} s"


def test_of_two_who_believe_the_same_epoch_theirs_one_goes_on_without_a_database() -> None:
    world, dice = World(), random.Random(1)
    both = [Actor(name, world, dice) for name in ("desk", "desk-2")]
    for actor in both:
        actor.remembered = 7  # as after a folder was copied, or an older database was put back
        actor.cut(broker=True, database=False)
        actor.kill()
    acted: set[str] = set()
    for _ in range(60 * S // STEP):
        world.now_ns += STEP
        for actor in both:
            actor.step()
        acted |= {actor.name for actor in both if actor.acts}
    assert acted == {"desk"}
    assert [actor.acts for actor in both] == [True, False]


class Clock:
    """A clock by hand."""

    def __init__(self) -> None:
        self.ns = 100 * S

    def __call__(self) -> int:
        return self.ns


def _tenure(clock: Clock, *, renewed: bool = True) -> Tenure:
    tenure = Tenure("desk", 7, LEASE, renewed_ns=clock() if renewed else None, now_ns=clock)
    tenure.announce()
    return tenure


def _pass(clock: Clock, tenure: Tenure, seconds: float, *, beats: bool = True) -> None:
    for number in range(round(seconds * 5)):
        clock.ns += S // 5
        tenure.tick()
        if number % 5 == 0:
            asked = tenure.asked()
            tenure.failed(asked)
        if beats and number % 10 == 0 and tenure.may_beat:
            tenure.beat(clock.ns)
            tenure.heard("desk", 7, clock.ns)


def test_nothing_goes_out_before_the_first_heartbeat() -> None:
    clock = Clock()
    tenure = Tenure("desk", 7, LEASE, renewed_ns=clock(), now_ns=clock)
    assert tenure.may_beat
    assert not tenure.good
    tenure.announce()
    assert tenure.good


def test_a_lease_counts_from_when_it_was_asked_for() -> None:
    clock = Clock()
    tenure = _tenure(clock)
    asked = tenure.asked()
    clock.ns += 2 * S
    tenure.renewed(asked)
    clock.ns = asked + LEASE - 1
    assert tenure.good
    clock.ns += 1
    assert not tenure.good


def test_without_a_database_it_goes_on_as_long_as_its_heartbeat_comes_back() -> None:
    clock = Clock()
    tenure = _tenure(clock)
    _pass(clock, tenure, 60)
    assert tenure.good
    _pass(clock, tenure, ECHO_NS / 1e9 + 0.4, beats=False)
    assert not tenure.good
    assert tenure.may_beat, "to hear whether anybody else is there"


def test_a_higher_epoch_ends_it_for_ever_and_a_lower_one_is_nothing() -> None:
    clock, over = Clock(), []
    tenure = _tenure(clock)
    tenure.on_lost = lambda: over.append(1)
    tenure.heard("desk-2", 6, 1)
    assert tenure.good
    tenure.heard("desk-2", 8, 1)
    tenure.heard("desk-2", 9, 1)
    tenure.renewed(clock())
    assert not tenure.good
    assert not tenure.may_beat
    assert tenure.lost == "desk-2 has taken over (epoch 8)"
    assert over == [1]


def test_the_same_epoch_ends_the_one_whose_name_comes_later_also_while_it_acts() -> None:
    clock = Clock()
    first = _tenure(clock)
    later = Tenure("desk-2", 7, LEASE, renewed_ns=clock(), now_ns=clock)
    later.announce()
    for tenure in (first, later):
        tenure.heard("desk-2", 7, 1)
        assert tenure.good, "its own, or of a name that comes later"
        tenure.heard("desk", 7, 2)
    assert first.good
    assert not later.good
    assert later.lost == "desk owns with the same epoch 7, and its name comes first"


def test_after_it_stood_still_no_word_from_before_counts() -> None:
    clock = Clock()
    tenure = _tenure(clock)
    _pass(clock, tenure, 20)
    asked = tenure.asked()
    clock.ns += 20 * S
    assert not tenure.good
    assert not tenure.may_beat
    tenure.tick()
    tenure.failed(asked)  # asked for before it stood still
    tenure.heard("desk", 7, clock.ns - 21 * S)
    assert not tenure.may_beat
    clock.ns += PATIENCE_NS
    tenure.tick()
    tenure.failed(tenure.asked())
    assert tenure.may_beat
    assert not tenure.good
    _pass(clock, tenure, LISTEN_NS / 1e9 - 0.4)
    assert not tenure.good, "another owner may speak only now"
    _pass(clock, tenure, 3)
    assert tenure.good


def test_an_owner_that_was_started_again_without_a_database_listens_first() -> None:
    clock = Clock()
    tenure = _tenure(clock, renewed=False)
    assert not tenure.good
    _pass(clock, tenure, LISTEN_NS / 1e9 - 0.4)
    assert not tenure.good
    _pass(clock, tenure, 1.5)
    assert tenure.good
    tenure.link("alarm", False)
    assert not tenure.good


def test_it_is_deaf_once_its_heartbeat_comes_back_no_more_or_no_connection_stands() -> None:
    clock = Clock()
    tenure = _tenure(clock)
    tenure.link("alarm", True)
    _pass(clock, tenure, 60)
    assert not tenure.deaf
    _pass(clock, tenure, DEAF_NS / 1e9 + 2.1, beats=False)
    assert tenure.deaf, "the connection stands, and nothing comes"
    _pass(clock, tenure, 3)
    assert not tenure.deaf

    mute = _tenure(clock)
    mute.link("telemetry", True)
    _pass(clock, mute, 60, beats=False)
    assert not mute.deaf, "a broker may never have let it hear heartbeats"
    mute.link("telemetry", False)
    clock.ns += DEAF_NS - S
    assert not mute.deaf
    clock.ns += S + 1
    assert mute.deaf
    mute.tick()
    assert not mute.deaf, "it stood still, and knows nothing of brokers"


def test_a_loop_that_stands_still_is_not_to_own() -> None:
    clock = Clock()
    tenure = _tenure(clock)
    clock.ns += STUCK_NS
    assert not tenure.stuck
    clock.ns += 1
    assert tenure.stuck
    tenure.tick()
    assert not tenure.stuck


def test_a_server_that_gives_no_answer_is_away_and_a_process_that_stood_still_knows_nothing() -> None:
    clock = Clock()
    tenure = _tenure(clock)
    tenure.asked()
    assert not tenure.away
    for _ in range(10):
        clock.ns += S // 5
        tenure.tick()
    assert tenure.away
    clock.ns += FREEZE_NS + 1
    assert not tenure.away


def test_the_other_takes_over_by_the_servers_clock_or_when_nothing_moves_and_never_before() -> None:
    watch, now = Watch("desk-2", LEASE, None), 0
    assert watch.due(Sight("", 0, 0, 10**12), now)
    assert watch.due(Sight("desk", 4, 1_000, 1_001), now)
    assert not watch.due(Sight("desk-2", 4, 2_000, 1_000), now), "another desk has its name"
    assert Watch("desk-2", LEASE, 4).due(Sight("desk-2", 4, 2_000, 1_000), now)
    last = Watch("desk-2", LEASE, 4, last=True)
    assert not last.due(Sight("desk-2", 4, 1_000, 3_999), now)
    assert last.due(Sight("desk-2", 4, 1_000, 4_001), now)
    moving = Watch("desk-2", LEASE, None)
    for second in range(60):  # its clock was set back by years, but it moves
        assert not moving.due(Sight("desk", 4, 10**9 + second, 1), second * S)
    still = Watch("desk-2", LEASE, None)
    took = next(tick for tick in range(100) if still.due(Sight("desk", 4, 10**9, 1), tick * S // 2))
    assert took * S // 2 > LEASE + S
    asleep = Watch("desk-2", LEASE, None)
    assert not asleep.due(Sight("desk", 4, 10**9, 1), 0)
    assert not asleep.due(Sight("desk", 4, 10**9, 1), 60 * S), "it slept itself: it looks again first"
