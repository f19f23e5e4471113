"""`[synthetic]` in desk.toml: how often a test press is asked for."""

from __future__ import annotations

from typing import Final, Literal

from contract.settings import Settings

EXAMPLES: Final = {"synthetic": "[synthetic] each_s = 30", "synthetic.each_s": "each_s = 30"}


class SyntheticSettings(Settings):
    """A test press each so many seconds, from the boxes in turn; 0: none but by hand.

    At 30 a hop of the centre that broke is named within 60 s: 30 until the next test, 10 until that has failed, 10 for
    the second opinion of another box.
    """

    each_s: Literal[0, 20, 30] = 30
