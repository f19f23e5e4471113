"""Whether a driver keeps its word: its README, its sample and its test cases are in step with its code.

`make check` asks it of every built-in driver, the test that `siaga edge new-driver` writes asks it of a city's own.

A driver's folder has `README.md`, `sample.toml` and `testcases/<name>/`, and in each of those what came in and, in
`expected.jsonl`, the samples that must come out. Of a line's bytes it is `input.hex` (hexadecimal, `#` begins a note),
or any other `input.*` as it is; `sensor.toml` has its settings where they are not the sample's.
"""

from __future__ import annotations

import json
import math
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from contract.catalogue import KINDS
from contract.settings import check_table
from edge_agent.drivers.base import Decoder, DriverSettings, DriverType, Sample
from edge_agent.drivers.line import LineDriver
from edge_agent.drivers.registry import BUILT_IN, find_driver

_COMMON: Final = frozenset(DriverSettings.model_fields)


def driver_faults(kind: DriverType[Any], folder: Path) -> list[str]:
    """Return what is out of step in a driver's folder, in words; empty: nothing."""
    faults: list[str] = []
    readme = _text(folder / "README.md", faults)
    keys = [key for key in kind.settings.model_fields if key not in _COMMON and f"`{key}`" not in readme]
    faults += [f"README.md does not name the key `{key}`" for key in keys]
    for what, text in (("sample.toml", _text(folder / "sample.toml", faults)), ("its example", kind.example)):
        faults += [f"{what}: {fault}" for fault in _table_faults(kind, text)]
    cases = _cases(folder)
    if not cases:
        faults.append("testcases/ has no folder")
    for case in cases:
        if len(list(case.iterdir())) < 2:
            faults.append(f"testcases/{case.name} has only one file")
        for sample in _expected(case, faults):
            if sample.get("kind") not in KINDS:
                faults.append(f"testcases/{case.name}: the catalogue has no kind {sample.get('kind')!r}")
    return faults


def testcase_faults(kind: DriverType[Any], folder: Path) -> list[str]:
    """Return which test cases of a driver over a line do not come out: whole, byte by byte, and at every split."""
    faults: list[str] = []
    for case in _cases(folder):
        data, expected = _input(case), _expected(case, faults)
        ways = {"whole": [data], "byte by byte": [data[at : at + 1] for at in range(len(data))]}
        ways |= {f"split at byte {at}": [data[:at], data[at:]] for at in range(1, len(data))}
        for way, chunks in ways.items():
            found = _decoded(_decoder(kind, case, folder), chunks)
            if not _same(found, expected):
                faults.append(f"testcases/{case.name}, {way}: {found} came out")
                break
    return faults


testcase_faults.__test__ = False  # type: ignore[attr-defined]  # pytest takes an imported function of this name for one


def main() -> int:
    """Tell what is out of step with any built-in driver; return the exit status: 0 nothing, 1 something."""
    found = 0
    for name, module in BUILT_IN.items():
        folder = Path(import_module(module).__file__ or "").parent
        for fault in driver_faults(find_driver(name), folder):
            found += 1
            print(f"driver {name}: {fault}", file=sys.stderr)
    print(f"{len(BUILT_IN)} drivers, {found} out of step")
    return 1 if found else 0


def _text(path: Path, faults: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{path.name} cannot be read: {error}")
        return ""


def _table_faults(kind: DriverType[Any], text: str) -> list[str]:
    try:
        sensors = tomllib.loads(text).get("sensors")
    except tomllib.TOMLDecodeError as error:
        return [f"not TOML: {error}"]
    if not isinstance(sensors, list) or not sensors:
        return ["has no [[sensors]]"]
    faults: list[str] = []
    for sensor in sensors:
        if sensor.get("driver") != kind.name:
            faults.append(f"driver = {sensor.get('driver')!r} is not {kind.name!r}")
            continue
        try:
            settings: DriverSettings = check_table(sensor, kind.settings)
            settings.claims()
            settings.parts()
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            faults.append(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}")
    return faults


def _cases(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("testcases/*") if path.is_dir())


def _expected(case: Path, faults: list[str]) -> list[dict[str, Any]]:
    text = _text(case / "expected.jsonl", faults)
    try:
        return [json.loads(line) for line in text.splitlines()]
    except ValueError as error:
        faults.append(f"testcases/{case.name}/expected.jsonl: {error}")
        return []


def _input(case: Path) -> bytes:
    path = min(case.glob("input.*"))
    data = path.read_bytes()
    if path.suffix != ".hex":
        return data
    return b"".join(bytes.fromhex(line) for line in data.decode().splitlines() if not line.startswith("#"))


def _decoder(kind: DriverType[Any], case: Path, folder: Path) -> Decoder:
    own = case / "sensor.toml"
    table = tomllib.loads((own if own.exists() else folder / "sample.toml").read_text(encoding="utf-8"))["sensors"][0]
    driver = kind.open(check_table({**table, "uri": "replay://input"}, kind.settings))
    if not isinstance(driver, LineDriver):
        raise TypeError(f"{kind.name} has no line of bytes to replay; it needs a test of its own")
    return driver.decoder


def _decoded(decoder: Decoder, chunks: list[bytes]) -> list[Sample]:
    return [sample for chunk in chunks for sample in decoder.feed(chunk, 0)] + decoder.flush()


def _same(found: list[Sample], expected: list[dict[str, Any]]) -> bool:
    return len(found) == len(expected) and all(map(_is, found, expected))


def _is(sample: Sample, expected: dict[str, Any]) -> bool:
    if (sample.time_ns, sample.kind) != (expected["timestamp_ns"], expected["kind"]):
        return False
    fields: dict[str, Any] = expected["fields"]
    if sample.fields.keys() != fields.keys():
        return False
    return all(
        math.isclose(value, fields[name], rel_tol=0, abs_tol=1e-9)
        if isinstance(value, float) and isinstance(fields[name], float)
        else value == fields[name]
        for name, value in sample.fields.items()
    )


if __name__ == "__main__":
    sys.exit(main())
