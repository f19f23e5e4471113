"""`python -m dashboards.grafana --check|--write`: is the committed JSON that of the definitions, or make it so."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from dashboards.boards import DASHBOARDS
from dashboards.grafana.board import LANGUAGES, board_json, uid_of

FOLDER = Path(__file__).with_name("json")


def files() -> dict[Path, str]:
    """Return the text of each committed file."""
    return {
        FOLDER / language / f"{uid_of(uid, language)}.json": as_text(board_json(definition, language))
        for language in LANGUAGES
        for uid, definition in DASHBOARDS.items()
    }


def as_text(value: dict[str, Any]) -> str:
    """Return JSON as it is committed: a line a value, so that a change can be read."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def stale(wanted: dict[Path, str]) -> list[str]:
    """Return a line for each file that is missing, other, or of no definition."""
    told = []
    for file, text in wanted.items():
        if not file.exists():
            told.append(f"{file} is missing")
        elif file.read_text(encoding="utf-8") != text:
            told.append(f"{file} is stale")
    told += [f"{file} is of no dashboard" for file in sorted(FOLDER.glob("*/*.json")) if file not in wanted]
    return told


def main(arguments: list[str]) -> int:
    """Run; returns the exit status."""
    wanted = files()
    if arguments == ["--write"]:
        for file, text in wanted.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        for file in set(FOLDER.glob("*/*.json")) - set(wanted):
            file.unlink()
        return 0
    if arguments != ["--check"]:
        print("use: python -m dashboards.grafana --check|--write", file=sys.stderr)
        return 2
    told = stale(wanted)
    for line in told:
        print(line, file=sys.stderr)
    if told:
        print("write them with: python -m dashboards.grafana --write", file=sys.stderr)
    return bool(told)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
