"""Runs the demo with one box whose agent is another architecture's, in a root folder of it; see wheelhouse-try.sh."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from siaga.demo.hops import HOPS, Follower
from siaga.demo.stack import DemoStack, Size

_TIMEOUT_S = 60.0
"""How long a hop may take: an emulated processor is some twenty times slower."""


def main(root: str, folder: str) -> None:
    """Press, accept, close, and look at the positions; ends with an error when a hop fails."""
    stack = DemoStack(Path(folder), Size(1, 1, 1.0))
    (box,) = stack.boxes
    config = stack.config / f"{box}.toml"
    stack.agents[box].argv = ["chroot", root, "/opt/siaga/current/bin/siaga-edge", "--config", str(config)]
    try:
        began = time.monotonic()
        stack.start(lambda part, what: print(f"  {part:<10} {what}", flush=True))
        exe = Path(f"/proc/{stack.agents[box].pid}/exe").resolve()
        print(f"ready after {time.monotonic() - began:.1f} s; the agent's process is {exe.name}", flush=True)
        follower = Follower(stack, timeout_s=_TIMEOUT_S, points_timeout_s=_TIMEOUT_S)
        presses = follower.presses()
        follower.points(presses)
        for press in presses:
            for hop in HOPS:
                print(f"  {hop:<48} {press.hops[hop]}", flush=True)
    finally:
        stack.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
