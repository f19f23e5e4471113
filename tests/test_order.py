"""The order of a run loses no test, and its list names tests that there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.order import WAITING, arranged

TESTS = Path(__file__).parent


@dataclass(frozen=True)
class Item:
    nodeid: str


def items(count: int) -> list[Item]:
    return [Item(f"tests/a/test_a.py::test_{number}") for number in range(count)]


@pytest.mark.parametrize("name", WAITING)
def test_each_that_waits_is_there(name: str) -> None:
    file, of, test = name.partition("::")
    assert f"def {test}(" in (TESTS / file).read_text(encoding="utf-8") if of else (TESTS / file).is_file()


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 5, 16])
@pytest.mark.parametrize("others", [0, 1, 7, 300])
def test_none_is_lost_or_doubled(workers: int, others: int) -> None:
    waiting = [Item(f"tests/{name}[{each}]") for name in WAITING for each in "ab"]
    given = items(others) + waiting
    assert sorted(item.nodeid for item in arranged(list(given), workers)) == sorted(item.nodeid for item in given)


def test_half_of_the_workers_begin_with_what_waits_longest() -> None:
    given = items(400)[:200] + [Item(f"tests/{name}") for name in reversed(WAITING)] + items(400)[200:]
    order = arranged(list(given), 4)
    part = len(given) // 4
    heads = [order[worker * part].nodeid for worker in range(4)]
    assert heads[:2] == [f"tests/{WAITING[0]}", f"tests/{WAITING[1]}"]
    assert not any(head.removeprefix("tests/") in WAITING for head in heads[2:])


def test_what_is_listed_as_a_file_stays_together_in_its_order() -> None:
    file = next(name for name in WAITING if "::" not in name)
    block = [f"tests/{file}::test_{number}" for number in (3, 1, 2)]
    order = [item.nodeid for item in arranged([*items(99), *map(Item, block), *items(99)], 4)]
    begins = order.index(block[0])
    assert order[begins : begins + 3] == block


def test_by_one_alone_nothing_is_moved() -> None:
    given = [*items(3), Item(f"tests/{WAITING[0]}")]
    assert arranged(list(given), 1) == given
