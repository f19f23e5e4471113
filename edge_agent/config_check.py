"""`siaga edge check-config`: every mistake in a box's configuration, before anything is started with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, TextIO

from contract.errors import EX_CONFIG, ConfigError
from contract.settings import line_of
from edge_agent.config import check_box, read_box_text
from edge_agent.key_files import load_public_keys

_FIRST_THESE: Final = (
    "  → perbaiki dulu, lalu periksa lagi: berkas kunci, port dan pin ganda dicari setelah itu / mend these and check "
    "again: only then key files, and ports and pins used twice, are looked at"
)


def run_check_config(config: Path, *, as_json: bool, out: TextIO) -> int:
    """Print every fault of a configuration and the files it names; no device and no network is touched.

    Args:
        config: The box's configuration, `box.toml`.
        as_json: Whether to print one JSON object: `file` and `faults`, each with `file`, `line` (null when nothing of
            it is written), `key`, `expected` and `example`.
        out: Where to print.

    Returns:
        The exit status: 0 when an agent could start with it, 78 when not.
    """
    faults = find_faults(config)
    if as_json:
        print(json.dumps({"file": str(config), "faults": [_as_dict(fault) for fault in faults]}), file=out)
    elif not faults:
        print(f"{config}: baik / good", file=out)
    else:
        print(f"{config}: {len(faults)} kesalahan / faults", file=out)
        for fault in faults:
            print(fault, file=out)
        print(_FIRST_THESE, file=out)
    return EX_CONFIG if faults else 0


def find_faults(config: Path) -> list[ConfigError]:
    """Return every fault of a configuration and the files it names, in the order of its lines."""
    try:
        text = read_box_text(config)
    except ConfigError as error:
        return [error]
    box, faults = check_box(text, source=str(config), base=config.parent)
    named = {} if box is None else {key: getattr(box.settings, key) for key in ("config_keys", "command_keys")}
    for key, file in named.items():
        if file is None:
            continue
        try:
            load_public_keys(key, config.parent / file, source=str(config))
        except ConfigError as error:
            faults.append(
                ConfigError(
                    error.file, error.key, error.expected, example=error.example, line=line_of(text, (error.key,))
                )
            )
    return sorted(faults, key=lambda fault: fault.line or 0)


def _as_dict(fault: ConfigError) -> dict[str, object]:
    keys = ("file", "line", "key", "expected", "example")
    return {key: getattr(fault, key) for key in keys}
