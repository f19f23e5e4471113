"""What the tests of the card share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def seed() -> int:
    """Return the seed of what is drawn: `SEED` of the environment, or 1."""
    return int(os.environ.get("SEED", "1"))
