"""`siaga edge new-driver`: writes a package with a driver that works, for a city to change into its own."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final, TextIO

from contract.errors import EX_CONFIG
from contract.identity import NAME_PATTERN
from edge_agent.drivers.registry import BUILT_IN

_TEMPLATE: Final = Path(__file__).parent / "drivers/template"


def run_new_driver(name: str, folder: Path, out: TextIO) -> int:
    """Write the package `folder`/`name`, and tell what to do with it.

    Args:
        name: The driver's name, as `driver = "…"` will say it.
        folder: Where the package's folder is made.
        out: Where to.

    Returns:
        The exit status: 0; 1 when it cannot be written; 78 for a name that cannot be used.
    """
    wrong = _wrong_name(name)
    if wrong is not None:
        print(f"siaga edge new-driver: {name!r}: {wrong}; example: tide-gauge", file=sys.stderr)
        return EX_CONFIG
    try:
        written = write_driver(name, folder / name)
    except OSError as error:
        print(f"siaga edge new-driver: {folder / name}: {error.strerror or error}", file=sys.stderr)
        return 1
    for path in written:
        print(path, file=out)
    module = module_of(name)
    print(
        f"Next: cd {folder / name} && python -m pytest, with Siaga's Python, which has pytest after\n"
        f"scripts/setup.sh test or pip install pytest. Then change {module}/driver.py and its testcases until it\n"
        f"reads your device. Install it beside Siaga: pip install {folder / name}",
        file=out,
    )
    return 0


def module_of(name: str) -> str:
    """Return the Python package's name of a driver."""
    return "siaga_" + name.replace("-", "_")


def write_driver(name: str, folder: Path) -> list[Path]:
    """Write the template with a driver's name into a new folder; return its files.

    Raises:
        FileExistsError: The folder is there already; nothing was written.
        OSError: It cannot be written.
    """
    folder.mkdir(parents=True)
    written: list[Path] = []
    for source in sorted(path for path in _TEMPLATE.rglob("*") if path.is_file()):
        parts = [module_of(name) if part == "package" else part for part in source.relative_to(_TEMPLATE).parts]
        target = folder.joinpath(*parts).with_suffix("" if source.suffix == ".in" else source.suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        data = source.read_bytes()
        if source.suffix == ".in":
            data = data.replace(b"{name}", name.encode()).replace(b"{module}", module_of(name).encode())
        target.write_bytes(data)
        written.append(target)
    return written


def _wrong_name(name: str) -> str | None:
    if re.match(NAME_PATTERN, name) is None or name.endswith("-"):
        return "a driver's name is 1 to 63 of a-z, 0-9 and hyphen, and neither begins nor ends with one"
    return "a built-in driver has this name" if name in BUILT_IN else None
