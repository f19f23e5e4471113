"""Whose turn it is on a bus."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from edge_agent.drivers.modbus.schedule import LONGEST_BETWEEN_S, SILENT_AFTER, Schedule

TIMEOUT_S = 0.25


@dataclass
class World:
    """A bus in virtual time: a slave that lives answers in `answer_s`, a dead one costs the time-out."""

    polls_s: list[float]
    dead: set[int] = field(default_factory=set)
    answer_s: float = 0.03125
    loss: float = 0.0
    seed: int = 1
    now_s: float = 1_000.0

    def __post_init__(self) -> None:
        self.schedule = Schedule(self.polls_s, TIMEOUT_S, self.now_s)
        self.dice = random.Random(self.seed)
        self.asked: list[tuple[int, float]] = []
        self.answers: dict[int, list[float]] = {slave: [] for slave in range(len(self.polls_s))}
        self.unanswered_s: dict[int, float] = {}
        self.begun_s = self.now_s
        self.due_s = [self.now_s] * len(self.polls_s)
        self.doubtful: set[int] = set()
        self._after_doubtful = False

    def run(self, for_s: float) -> None:
        end_s = self.now_s + for_s
        while True:
            turn = self.schedule.next(self.now_s)
            self.now_s = max(self.now_s, turn.at_s)
            if self.now_s >= end_s:
                self.now_s = end_s
                return
            self._check(turn.slave)
            if turn.slave in self.dead or self.dice.random() < self.loss:
                self.now_s += TIMEOUT_S
                self.unanswered_s[turn.slave] = self.now_s
                self.doubtful.add(turn.slave)
                self.schedule.missed(turn.slave, self.now_s)
            else:
                self.now_s += self.answer_s
                self.answers[turn.slave].append(self.now_s)
                self.doubtful.discard(turn.slave)
                self.schedule.answered(turn.slave, self.now_s)
            poll_s = self.polls_s[turn.slave]
            self.due_s[turn.slave] = self.begun_s + ((self.now_s - self.begun_s) // poll_s + 1) * poll_s

    def _check(self, slave: int) -> None:
        self.asked.append((slave, self.now_s))
        # A late answer could be taken for that of this request.
        assert self.now_s - self.unanswered_s.get(slave, 0.0) >= TIMEOUT_S - 1e-6
        if slave in self.doubtful and self._after_doubtful:
            waiting = [each for each, due_s in enumerate(self.due_s) if due_s < self.now_s - 1e-6]
            assert set(waiting) <= self.doubtful, "two doubtful ones in a row, and a sound one waits"
        self._after_doubtful = slave in self.doubtful


def test_each_slave_at_its_own_interval_on_a_grid() -> None:
    world = World([1.0, 5.0])
    world.run(60)
    assert [len(world.answers[slave]) for slave in (0, 1)] == [60, 12]
    drift = [at % 1.0 for slave, at in world.asked if slave == 0]
    assert max(drift) <= 0.0313
    assert world.schedule.skipped == 0


@pytest.mark.parametrize("seed", range(20))
def test_the_living_keep_their_polls_whoever_is_dead(seed: int) -> None:
    dice = random.Random(seed)
    dead = set(dice.sample(range(32), 8))
    world = World([5.0] * 32, dead, seed=seed)
    world.run(300)
    for slave in set(range(32)) - dead:
        assert len(world.answers[slave]) == 60
        gaps = [later - sooner for sooner, later in pairwise(world.answers[slave])]
        # Once the first round has shown who is dead: the others' answers, and one time-out.
        assert max(gaps[2:]) <= 5.0 + 24 * 0.03125 + TIMEOUT_S
    assert all(world.schedule.silent(slave) for slave in dead)


@pytest.mark.parametrize("seed", range(20))
def test_two_time_outs_never_follow_one_another_while_a_sound_slave_waits(seed: int) -> None:
    dice = random.Random(seed)
    count = dice.randrange(2, 40)
    dead = set(dice.sample(range(count), dice.randrange(1, count)))
    # Far more than the bus can do: someone always waits.
    World([dice.choice((0.125, 0.5, 1.0)) for _ in range(count)], dead, loss=0.02, seed=seed).run(200)


def test_a_silent_slave_is_asked_less_and_less_and_at_once_as_before_when_it_answers() -> None:
    world = World([5.0, 5.0], {1})
    world.run(600)
    asked = [at for slave, at in world.asked if slave == 1]
    gaps = [later - sooner for sooner, later in pairwise(asked)]
    assert len(asked) < 25
    assert max(gaps) <= LONGEST_BETWEEN_S + 1
    world.dead.clear()
    world.run(LONGEST_BETWEEN_S + 1)
    found = len(world.answers[1])
    assert found >= 1
    assert not world.schedule.silent(1)
    world.run(60)
    assert len(world.answers[1]) - found in (12, 13)
    assert world.schedule.skipped == 0


def test_one_lost_answer_costs_no_interval() -> None:
    world = World([5.0] * 4, loss=0.05, seed=3)
    world.run(5_000)
    assert all(len(each) >= 990 for each in world.answers.values())


def test_a_slave_is_silent_after_three_intervals_not_three_requests() -> None:
    schedule = Schedule([5.0], TIMEOUT_S, 0.0)
    now_s = 0.0
    for _ in range(SILENT_AFTER):
        assert not schedule.silent(0)
        for _ in range(2):
            now_s = max(now_s, schedule.next(now_s).at_s) + TIMEOUT_S
            schedule.missed(0, now_s)
    assert schedule.silent(0)


def test_a_slave_that_answers_to_some_of_it_never_is_silent() -> None:
    schedule = Schedule([1.0], TIMEOUT_S, 0.0)
    for second in range(20):
        assert schedule.next(float(second)).at_s == second
        schedule.missed(0, second + TIMEOUT_S, lives=True)
        assert not schedule.silent(0)


def test_a_silent_slave_is_asked_even_when_the_bus_never_rests() -> None:
    world = World([0.1] * 30, {0})
    world.run(1_000)
    asked = [at for slave, at in world.asked if slave == 0]
    assert max(later - sooner for sooner, later in pairwise(asked)) < 3 * LONGEST_BETWEEN_S
    assert world.schedule.skipped > 0
