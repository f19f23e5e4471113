"""`siaga-edge`: the agent's own entry point, which imports what the agent needs and nothing more.

`siaga edge run` is the same agent, started by the whole command line, whose own imports it keeps in memory.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from contract.errors import EX_CONFIG, ConfigError
from edge_agent.agent import Agent
from edge_agent.pushed_config import take_up

LEVELS: Final = ("debug", "info", "warning", "error")


def run_agent(config: Path, log_level: str) -> int:
    """Run the agent of this box until it is stopped; print `ready` on stdout once its buttons are watched.

    A configuration that was pushed and confirmed, or is to be tried, counts in place of the file's
    (`pushed_config.py`); to begin or to end a trial, this program starts itself anew.

    Args:
        config: The box's configuration, `box.toml`.
        log_level: One of `LEVELS`.

    Returns:
        The exit status: 0 after a stop, 78 when the configuration cannot be used; then nothing was opened.
    """
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        in_force = take_up(config)
    except ConfigError as error:
        print(f"siaga edge: {error}", file=sys.stderr)
        return EX_CONFIG
    agent = Agent(in_force.box, lambda: print("ready", flush=True), in_force)
    asyncio.run(agent.run())
    if agent.starts_again:
        # The same process id, so that whoever watches over it sees no end.
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the agent as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="siaga-edge",
        description="Run the agent of this box until it is stopped. Jalankan agen kotak ini sampai dihentikan.",
        epilog="Example: siaga-edge --config /etc/siaga/box.toml",
    )
    parser.add_argument("--config", type=Path, required=True, help="the box's configuration, box.toml")
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="default: info")
    asked = parser.parse_args(argv)
    return run_agent(asked.config, asked.log_level)


if __name__ == "__main__":
    sys.exit(main())
