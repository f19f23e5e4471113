"""What forks this worker's desks, by the name under which its tests know it."""

from __future__ import annotations

from tests.warm import Warm

__all__ = ["Warm"]
