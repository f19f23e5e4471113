"""Fault 4: of a card that lost its power only what was synced is left for sure, and of the rest anything."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.edge_agent.card_faults.disk import Disk
from tests.edge_agent.card_faults.power import cut_power, fail_syncs

LEAST_MOMENTS = 100


@pytest.mark.slow
def test_fault_04_power_cut_every_committed_press_is_kept(
    tmp_path: Path, record_property: Callable[[str, object], None], seed: int
) -> None:
    cut = cut_power(tmp_path, 1, 130, seed, early=1)
    record_property("told", cut.in_words())
    assert cut.failed == []
    assert cut.moments >= LEAST_MOMENTS
    assert cut.folders >= LEAST_MOMENTS
    assert cut.promises > 300


@pytest.mark.slow
def test_fault_08_a_sync_that_fails_is_refused_and_what_is_told_later_is_on_the_card(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    cut = fail_syncs(tmp_path, [("fsync", 1), *(("fdatasync", number) for number in (1, 2, 4, 6, 8, 9))], 60)
    record_property("told", f"syncs fail: {cut.refused} times refused, {cut.in_words()}")
    assert cut.failed == []
    assert cut.refused >= 10
    assert cut.promises > 150


def written(disk: Disk) -> None:
    disk.listed = True
    file = disk.open("a.db", truncate=False)
    disk.sync_folder()
    file.pending.append((0, b"1" * 2_048))
    file.sync()
    file.pending += [(512, b"2" * 1_024), (2_048, b"3" * 1_024), (2_560, None)]


def test_only_what_was_synced_is_left_for_sure() -> None:
    disk = Disk()
    written(disk)
    assert disk.cut(None) == {"a.db": b"1" * 2_048}


def test_what_was_not_synced_is_torn_at_sectors_and_out_of_order() -> None:
    seen = set()
    for seed in range(300):
        disk = Disk()
        written(disk)
        seen.add(disk.cut(random.Random(seed))["a.db"])
    assert b"1" * 512 + b"2" * 1_024 + b"1" * 512 + b"3" * 512 in seen, "all of it"
    assert b"1" * 512 + b"2" * 512 + b"1" * 1_024 in seen, "a torn write"
    assert b"1" * 2_048 + bytes(512) + b"3" * 512 in seen, "a later write without the one before it"


def test_names_are_lost_in_their_order() -> None:
    disk = Disk()
    written(disk)
    disk.rename("a.db", "a.db.corrupt-1")
    disk.open("a.db", truncate=False)
    assert set(disk.cut(None)) == {"a.db"}
    seen = {tuple(sorted(name for name in disk.cut(random.Random(seed)) if "shm" not in name)) for seed in range(50)}
    assert seen == {("a.db",), ("a.db.corrupt-1",), ("a.db", "a.db.corrupt-1")}
    disk.sync_folder()
    assert set(disk.cut(None)) == {"a.db", "a.db.corrupt-1"}


def test_a_folder_that_nobody_synced_into_the_one_above_is_lost() -> None:
    disk = Disk()
    disk.open("a.db", truncate=False)
    disk.sync_folder()
    assert disk.cut(None) == {}
