"""The schema files are current and say what the types say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest

from contract import schema
from tests.contract.golden import MESSAGES, Vector, accepted, refused

_FOLDER = Path(__file__).parents[2] / "docs" / "schema"
_BEYOND_A_SCHEMA = (
    "a whole float",  # in JSON Schema, 1.0 is an integer
    "line end",  # Python's own `$`, which jsonschema uses, matches before a last line end
    "an infinite field",  # JSON has no infinity for a schema to speak of
    "half a surrogate pair",
    "a field name with a space",
    "a button that is no name",
    "a receipt for nothing",
    "a range that runs backwards",
    "a siren that sounds for no time",
    "a lamp test of no lamp",
    "a test press of no button",
)


@pytest.mark.parametrize("message", MESSAGES)
def test_file_is_current_and_a_schema(message: str) -> None:
    text = (_FOLDER / f"{message}.json").read_text(encoding="utf-8")
    assert text == schema.schema_files()[f"{message}.json"], f"renew it by: {schema.RENEW}"
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("vector", accepted(), ids=str)
def test_good_bodies_are_valid(vector: Vector) -> None:
    _validator(vector.message).validate(json.loads(vector.body))


@pytest.mark.parametrize("vector", [vector for vector in refused() if vector.expected[0] == "invalid"], ids=str)
def test_bodies_that_decode_refuses_are_invalid(vector: Vector) -> None:
    if not any(words in vector.name for words in _BEYOND_A_SCHEMA):
        assert not _validator(vector.message).is_valid(json.loads(vector.body))


def test_stale_missing_and_foreign_files_are_named() -> None:
    files = schema.schema_files()
    assert schema.stale_files(files) == []
    changed = files | {"lamp.json": files["lamp.json"].replace("accepted", "answered"), "old.json": "{}"}
    del changed["alarm.json"]
    assert schema.stale_files(changed) == ["alarm.json", "lamp.json", "old.json"]


@pytest.mark.slow
def test_check_names_the_stale_file_and_the_command_and_write_renews_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "contract.schema", "--folder", str(tmp_path)]
    subprocess.run([*command, "--write"], check=True)
    assert subprocess.run([*command, "--check"], check=False).returncode == 0
    (tmp_path / "lamp.json").write_text("{}")
    told = subprocess.run([*command, "--check"], check=False, capture_output=True, text=True)
    assert told.returncode == 1
    assert "lamp.json is not current; renew it by: python -m contract.schema --write" in told.stderr
    assert told.stderr.count("\n") == 1
    subprocess.run([*command, "--write"], check=True)
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == schema.schema_files()


def _validator(message: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema.schema_files()[f"{message}.json"]))
