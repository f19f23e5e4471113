"""Twelve boxes, both brokers: each tries to write, read and take over every other; the table says what came of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioning.brokers.model import LANES
from tests.provisioning.brokers.n_by_n import BOXES, COMMAND, fight, markdown
from tests.provisioning.brokers.stand import make_authority, running

TABLE = Path(__file__).parents[3] / "docs" / "security-table.md"


@pytest.mark.slow
def test_no_box_writes_reads_or_takes_over_another(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    authority = make_authority(tmp_path / "authority", BOXES)
    results = {}
    for lane in LANES:
        with running(authority, lane) as stand:
            results[lane] = fight(stand, tmp_path / lane)
    page = markdown(results)
    if os.environ.get("SIAGA_WRITE_TABLE"):
        TABLE.write_text(page)
    assert TABLE.exists(), f"run {COMMAND}"
    assert TABLE.read_text() == page, f"docs/security-table.md is not what came out; run {COMMAND}"
    record_property("told", page)
