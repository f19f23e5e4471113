"""`siaga-edge`: the agent's own entry point, which imports what the agent needs and nothing more.

`siaga edge run` is the same agent, started by the whole command line, whose own imports it keeps in memory.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from contract.errors import EX_CONFIG, ConfigError
from edge_agent.agent import Agent
from edge_agent.kept_lines import KeptLines, inherited, line_names
from edge_agent.log import FORMATS, LogFormat, log_to_stderr
from edge_agent.pushed_config import take_up
from link.notify import Notifier

LEVELS: Final = ("debug", "info", "warning", "error")
_STDOUT: Final = 1


def run_agent(config: Path, log_level: str, log_format: LogFormat = "text", metrics_port: int | None = None) -> int:
    """Run the agent of this box until it is stopped; print `ready` on stdout once its buttons are watched.

    A configuration that was pushed and confirmed, or is to be tried, counts in place of the file's
    (`pushed_config.py`); to begin or to end a trial, this program starts itself anew.

    Args:
        config: The box's configuration, `box.toml`.
        log_level: One of `LEVELS`.
        log_format: One of `log.FORMATS`.
        metrics_port: The port on 127.0.0.1 for Prometheus; None: none.

    Returns:
        The exit status: 0 after a stop, 78 when the configuration cannot be used; then nothing was opened.
    """
    found = inherited(os.environ)
    log = log_to_stderr(log_level, log_format)
    with suppress(OSError, ValueError):
        faulthandler.enable()  # systemd's watchdog kills with SIGABRT: the log then says where the loop stood
    try:
        in_force = take_up(config)
    except ConfigError as error:
        with suppress(OSError):
            print(f"siaga edge: {error}", file=sys.stderr)
        return EX_CONFIG
    notifier = Notifier(os.environ)
    kept = KeptLines(notifier, found, line_names(button.uri for button in in_force.box.settings.buttons))
    agent = Agent(
        in_force.box, _ready, in_force, notifier, kept=kept, metrics_port=metrics_port, log_lost=lambda: log.lost
    )
    asyncio.run(agent.run())
    if agent.starts_again:
        kept.hand_over(os.environ)
        logging.shutdown()  # what waits to be written would be lost
        # The same process id, so that whoever watches over it sees no end.
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    return 0


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65_535):
        raise argparse.ArgumentTypeError("a port is 1 to 65535")
    return int(text)


def _ready() -> None:
    # Not by `print`: what a full disk does not take would stay in a buffer, and be an error at the end.
    with suppress(OSError):
        os.write(_STDOUT, b"ready\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the agent as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="siaga-edge",
        description="Run the agent of this box until it is stopped. Jalankan agen kotak ini sampai dihentikan.",
        epilog="Example: siaga-edge --config /etc/siaga/box.toml",
    )
    parser.add_argument("--config", type=Path, required=True, help="the box's configuration, box.toml")
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="default: info")
    parser.add_argument("--log-format", choices=FORMATS, default="text", help="for people, or JSON; default: text")
    parser.add_argument("--metrics-port", type=_port, help="for Prometheus, on 127.0.0.1; default: none")
    asked = parser.parse_args(argv)
    return run_agent(asked.config, asked.log_level, asked.log_format, asked.metrics_port)


if __name__ == "__main__":
    sys.exit(main())
