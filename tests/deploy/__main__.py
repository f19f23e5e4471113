"""`python -m tests.deploy`: boots the machines, runs every step, a line each, and writes the log.

sudo make test-deploy                    every step
sudo make test-deploy STEPS=boot,site    some of them, in this order
sudo make test-deploy KEEP=1             and leave the machines up until Ctrl-C, for a look
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.deploy.bench import Bench
from tests.deploy.errors import DeployError
from tests.deploy.network import HUB
from tests.deploy.steps import STEPS

_TITLE: Final = "`make test-deploy`"
_REPOSITORY: Final = Path(__file__).parents[2]


def main() -> int:
    """Run the steps; return 1 when one did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.deploy", description=__doc__)
    parser.add_argument("--steps", default="", help="some steps, with commas; default: all")
    parser.add_argument("--keep", action="store_true", help="leave the machines up until Ctrl-C")
    parser.add_argument("--record", action="store_true", help="put the lines into docs/deploy-log.md")
    parser.add_argument("--folder", type=Path, default=_REPOSITORY / "var" / "deploy")
    given = parser.parse_args()
    names = [name for name in given.steps.split(",") if name] or list(STEPS)
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        print(f"no step {unknown[0]!r}; there are {', '.join(STEPS)}", file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        print("machines are booted by root: run make test-deploy as root", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    bench = Bench(given.folder.resolve(), _REPOSITORY)
    began = time.monotonic()
    lines: list[str] = []
    failed = False
    try:
        bench.open()
        for name in names:
            line, held = _step(bench, name)
            lines.append(line)
            failed |= not held
            if not held:
                break
        if given.keep:
            _stay(bench)
    except DeployError as error:
        print(f"test-deploy: {error}", file=sys.stderr)
        failed = True
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        failed = True
    finally:
        bench.close()
    print(f"{len(lines)} steps, {(time.monotonic() - began) / 60:.1f} minutes, {'FAILED' if failed else 'all held'}")
    if given.record and not failed:
        _record(lines, time.monotonic() - began)
    return int(failed)


def _step(bench: Bench, name: str) -> tuple[str, bool]:
    began = time.monotonic()
    try:
        told, held = STEPS[name](bench), True
    except Exception as error:  # noqa: BLE001  the machines are to be stopped in order, whatever it was
        if not isinstance(error, DeployError):
            traceback.print_exc()
        told, held = f"{type(error).__name__}: {error}", False
    line = f"{'ok  ' if held else 'FAIL'} {name:<10} {time.monotonic() - began:6.1f} s  {told}"
    print(line, flush=True)
    return line, held


def _stay(bench: Bench) -> None:
    print(f"the machines stay; a shell in the network: ip netns exec {HUB} bash; ssh -i {bench.city.key} root@ADDRESS")
    for machine in bench.machines.values():
        print(f"  {machine.name:<10} {machine.address}")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print()


def _record(lines: list[str], seconds: float) -> None:
    """Put the run into the log in place of the one before."""
    log = _REPOSITORY / "docs" / "deploy-log.md"
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=_REPOSITORY, capture_output=True, text=True
    ).stdout.strip()
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    release = ".".join(platform.release().split(".")[:2])
    where = f"{os.cpu_count()} cores, Linux {release}"
    told = f"Of {commit}, in {seconds / 60:.0f} minutes on {where}. Each line is a step of `tests/deploy/steps.py`."
    head, *sections = log.read_text(encoding="utf-8").rstrip().split("\n\n## ")
    kept = [section for section in sections if not section.startswith(_TITLE)]
    shown = "\n".join(lines).replace(f"{_REPOSITORY}/", "")
    own = f"{_TITLE}, {when}\n\n{told}\n\n```\n{shown}\n```"
    log.write_text("\n\n## ".join([head, own, *kept]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
