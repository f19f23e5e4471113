"""Twenty nights made up from seeds, forty by `make test-long`; `make soak-pager RUNS=500` plays more."""

from __future__ import annotations

import logging

import pytest

from tests.duty_desk.channels.soak import soak


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, pytest.param(20, marks=pytest.mark.long)])
def test_fault_34_whatever_fails_each_step_and_page_comes_at_its_time_once_and_none_after_the_answer(
    first: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="siaga.desk.pager")
    wrong, counts = soak(20, first)
    assert wrong == []
    # What was played is worth something.
    assert counts["restarts"] > 10
    assert counts["early"] > 20
    assert counts["accepted"] > 20
    assert counts["pages"] > 500
