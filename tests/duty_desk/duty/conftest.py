"""A night of a desk's duty, for each test its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.duty_desk.duty.night import Night
from tests.duty_desk.duty.rosters import WEEK


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """Return a night by the roster WEEK."""
    return Night(tmp_path)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Night]:
    """Return what makes a night by another roster or other settings."""
    return lambda text=WEEK, **more: Night(tmp_path, text, **more)
