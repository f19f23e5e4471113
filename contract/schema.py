"""JSON Schema of everything that travels, generated from the types: `python -m contract.schema --write | --check`.

A schema says less than the types: it cannot tell 1 from 1.0 or compare two fields, and a reader ignores keys that no
schema names. What the schema refuses, `decode` refuses too.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from contract.batch import BATCH, TelemetryReceipt
from contract.bell import BellReport
from contract.inventory import Inventory
from contract.messages import (
    AlarmReceipt,
    Command,
    CommandReply,
    ConfigReply,
    Heartbeat,
    IncidentMessage,
    Lamps,
    Press,
    Report,
    ScreenMessage,
    Status,
)
from contract.signed import Envelope

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

MODELS: Final[dict[str, type[BaseModel]]] = {
    "alarm": Press,
    "alarm-receipt": AlarmReceipt,
    "bell": BellReport,
    "command": Command,
    "command-reply": CommandReply,
    "heartbeat": Heartbeat,
    "incident": IncidentMessage,
    "inventory": Inventory,
    "lamp": Lamps,
    "reply": ConfigReply,
    "report": Report,
    "screen": ScreenMessage,
    "status": Status,
    "telemetry-receipt": TelemetryReceipt,
}
"""The models by what their topic ends in; `command` is what the envelope there holds, `command-reply` the other body on
`reply`. Beside them stand the batch (`telemetry`), which is no model, and the envelope (`signed`), which has a reader
of its own."""

RENEW: Final = "python -m contract.schema --write"


def schema_files() -> dict[str, str]:
    """Return the text of each schema file by its name, with sorted keys, so that the same types give the same bytes."""
    schemas: dict[str, dict[str, Any]] = {name: TypeAdapter(model).json_schema() for name, model in MODELS.items()}
    schemas["signed"] = Envelope.model_json_schema()
    schemas["telemetry"] = BATCH.json_schema()
    return {f"{name}.json": _text(name, schemas[name]) for name in sorted(schemas)}


def stale_files(found: dict[str, str]) -> list[str]:
    """Return the names of schema files that are missing, differ from the types, or belong to no type, in order."""
    wanted = schema_files()
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def _text(name: str, schema: dict[str, Any]) -> str:
    named = {"$schema": DIALECT, "$id": f"urn:siaga:v1:{name}"} | schema
    return json.dumps(named, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    # The one part of the contract that opens files.
    import argparse
    import sys
    from pathlib import Path

    parser = argparse.ArgumentParser(prog="python -m contract.schema", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="write the files that are not current")
    action.add_argument("--check", action="store_true", help="exit 1 when a file is not current, and name it")
    default = Path(__file__).resolve().parent.parent / "docs" / "schema"
    parser.add_argument("--folder", type=Path, default=default, help="where the files are (docs/schema)")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    stale = stale_files({path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json"))})
    if arguments.check:
        for stale_name in stale:
            sys.stderr.write(f"{folder / stale_name} is not current; renew it by: {RENEW}\n")
        sys.exit(1 if stale else 0)
    folder.mkdir(parents=True, exist_ok=True)
    texts = schema_files()
    for stale_name in stale:
        if stale_name in texts:
            (folder / stale_name).write_text(texts[stale_name], encoding="utf-8")
        else:
            (folder / stale_name).unlink()
