#!/usr/bin/env python3
"""Ansible's inventory out of siaga.toml: `$SIAGA_CITY` names it, else it is in the folder where Ansible is started.

It asks `siaga system inventory`, the one beside this Python, else the checkout's, else the one on the PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Answer `--list`; `--host` has nothing to add, as all is in `_meta`."""
    if sys.argv[1:2] == ["--host"]:
        print("{}")
        return 0
    checkout = Path(__file__).resolve().parents[2] / ".venv" / "bin" / "siaga"
    beside = Path(sys.executable).with_name("siaga")
    siaga = next((str(path) for path in (beside, checkout) if path.exists()), None) or shutil.which("siaga")
    if siaga is None:
        print("siaga is not installed: make setup, or pip install '.[provision]' beside Ansible", file=sys.stderr)
        return 1
    file = os.environ.get("SIAGA_CITY", "siaga.toml")
    return subprocess.run([siaga, "system", "inventory", file, "--json"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
