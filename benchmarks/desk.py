"""`make bench-desk`: what the duty desk must hold, each part on a stack of its own.

`python -m benchmarks.desk` runs all parts, `python -m benchmarks.desk race burst` only some.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Final

from benchmarks import desk_burst, desk_press, desk_push, desk_race, desk_restart, desk_streams
from benchmarks.figures import RESULTS, Figure, conclude

PARTS: Final[Mapping[str, Callable[[], list[Figure]]]] = {
    "race": desk_race.figures,
    "burst": desk_burst.figures,
    "press": desk_press.figures,
    "push": desk_push.figures,
    "restart": desk_restart.figures,
    "rest": desk_streams.figures,
}


def main(names: list[str]) -> int:
    """Measure the named parts, or all, and print; return the exit status."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    found: list[Figure] = []
    for name in names or PARTS:
        print(f"--- {name}", flush=True)
        found += PARTS[name]()
    return conclude(found, RESULTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
