"""Sweeps the outbox with kills and power cuts at every point, and prints what was swept: `make sweep-edge`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.edge_agent.card_faults.power import cut_power, fail_syncs
from tests.edge_agent.card_faults.sweep import LEAST_POINTS, sweep

SYNCS = [("fdatasync", number) for number in range(1, 41)] + [("fsync", number) for number in range(1, 5)]


def main() -> int:
    """Sweep and print; return 1 when a promise was broken, or too little was swept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the draws")
    parser.add_argument("--draws", type=int, default=4, help="folders drawn for each moment of a power cut")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        swept = sweep(Path(folder) / "kills", None, asked.seed)
        print(swept.in_words(), *swept.failed, sep="\n")
        cut = cut_power(Path(folder) / "cuts", asked.draws, None, asked.seed)
        print(cut.in_words(), *cut.failed, sep="\n")
        failing = fail_syncs(Path(folder) / "syncs", SYNCS, 2_000)
        print(f"syncs that failed: {failing.refused} times refused;", failing.in_words(), *failing.failed, sep="\n")
    return 1 if swept.failed or cut.failed or failing.failed or min(swept.points, cut.moments) < LEAST_POINTS else 0


if __name__ == "__main__":
    sys.exit(main())
