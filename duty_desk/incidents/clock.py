"""The centre's clock, as what needs it is given it. Pure."""

from __future__ import annotations

from collections.abc import Callable

Now = Callable[[], int]
"""The centre's clock, in ns since 1970."""
