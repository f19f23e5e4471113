"""Where the pages' files are."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

CONSOLE: Final = Path(str(files("duty_desk") / "console"))
