"""Settings written in TOML, checked before anything is opened.

Every process of Siaga reads its settings through `load_toml`, so that a mistake is always told in the same way: file,
line, key, what was expected, an example.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from contract.errors import ConfigError

_HEADER = re.compile(r"""\s*(\[\[?)\s*([A-Za-z0-9_.\-"']+)\s*\]\]?\s*(#.*)?$""")
_NO_SUCH_KEY = "no such key"
_MOST_FAULTS = 100
_Loc = tuple[int | str, ...]


class Settings(BaseModel):
    """What every settings model has in common: frozen, and a key it does not know is a mistake, not a wish."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


ModelT = TypeVar("ModelT", bound=BaseModel)


def fault_at(keys: _Loc, expected: str) -> PydanticCustomError:
    """Return an error for a model's own validator to raise, when it is another key than the model's that is wrong.

    Args:
        keys: The way to the key from the validator's own table, such as `("buttons", 2, "device")`.
        expected: What was expected.
    """
    return PydanticCustomError("settings", "{expected}", {"expected": expected, "keys": keys})


def load_toml(text: str, model: type[ModelT], *, source: str, examples: Mapping[str, str] | None = None) -> ModelT:
    """Return settings parsed from a TOML text.

    A value must have its key's type: `"1883"` is no port and `true` is no number. A key the model does not know is
    refused.

    Args:
        text: The TOML.
        model: The model to check against.
        source: The file's name, for error messages.
        examples: Examples by dotted key without list positions (`serial.uri`); the longest known prefix of the faulty
            key is shown.

    Raises:
        ConfigError: It names the file, line, key, what was expected and an example.
    """
    settings, faults = check_toml(text, model, source=source, examples=examples)
    if settings is None:
        raise faults[0]
    return settings


def check_toml(
    text: str, model: type[ModelT], *, source: str, examples: Mapping[str, str] | None = None
) -> tuple[ModelT | None, list[ConfigError]]:
    """Return what `load_toml` does and no fault, or None and every fault there is, at most 100.

    Keys that nobody knows come first: such a key is most often the misspelt one that another fault misses.
    """
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        line = int(found.group(1)) if found else None
        return None, [ConfigError(source, "", f"not TOML: {error}", line=line)]
    except RecursionError:
        return None, [ConfigError(source, "", "not TOML: nested too deep")]
    try:
        return check_table(value, model), []
    except ValidationError as error:
        faults = sorted(error.errors(include_url=False, include_input=False), key=_of_known_key)
    told = []
    for fault in faults[:_MOST_FAULTS]:
        loc = (*fault["loc"], *fault.get("ctx", {}).get("keys", ()))
        plain = [part for part in loc if isinstance(part, str)]
        key = ".".join(str(part) for part in loc)
        expected, example = _expected(fault["type"], fault["msg"]), _example(plain, examples or {})
        told.append(ConfigError(source, key, expected, example=example, line=line_of(text, loc)))
    return None, told


def check_table(value: object, model: type[ModelT]) -> ModelT:
    """Return the settings of one TOML table, checked as `load_toml` does. For a model's own validator, when another key
    of a table says which model the table is of.

    Raises:
        ValidationError: Each fault; a key that is not known comes with the nearest known one.
    """
    try:
        # By way of JSON, because pydantic's strictness fits JSON: a path may be a string there, and a port may not.
        return model.model_validate_json(json.dumps(value, default=_no_json), strict=True, extra="forbid")
    except ValidationError as error:
        faults = sorted(error.errors(include_url=False), key=_of_known_key)
        if all(map(_of_known_key, faults)):
            raise
        raise ValidationError.from_exception_data(error.title, list(_with_nearest(faults, model))) from None


def _of_known_key(fault: ErrorDetails) -> bool:
    return fault["type"] != "extra_forbidden"


def _with_nearest(faults: list[ErrorDetails], model: type[BaseModel]) -> Iterator[InitErrorDetails]:
    """Yield the faults again: a key that is not known with the nearest known one, whose absence then is none. Those
    come first."""
    from difflib import get_close_matches  # only a mistake pays for it

    meant: set[_Loc] = set()
    for fault in faults[:_MOST_FAULTS]:
        loc, told = fault["loc"], fault["msg"]
        if not _of_known_key(fault):
            if told.startswith("Extra"):  # else it is of a table that was checked by itself, and told already
                known = [name for each in _models_at(model, loc[:-1]) for name in each.model_fields]
                near = get_close_matches(str(loc[-1]), known, n=1)
                told = f"{_NO_SUCH_KEY}; did you mean {near[0]!r}?" if near else _NO_SUCH_KEY
                meant |= {(*loc[:-1], *near)}
            kind = PydanticCustomError("extra_forbidden", "{told}", {"told": told})
        elif fault["type"] == "missing":
            kind = PydanticCustomError("missing", "{told}", {"told": told})
        else:
            kind = fault_at(tuple(fault.get("ctx", {}).get("keys", ())), told)
        if fault["type"] != "missing" or loc not in meant:
            yield InitErrorDetails(type=kind, loc=loc, input=fault["input"])


def _models_at(annotation: object, loc: _Loc) -> Iterator[type[BaseModel]]:
    """Yield the models that a table at `loc` may be of, through lists, unions and models."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not loc:
            yield annotation
        elif isinstance(loc[0], str) and loc[0] in annotation.model_fields:
            yield from _models_at(annotation.model_fields[loc[0]].annotation, loc[1:])
        return
    inside = get_origin(annotation) in (list, tuple, dict)
    for inner in get_args(annotation):
        yield from _models_at(inner, loc[1:] if inside else loc)


def _no_json(value: object) -> list[str]:
    """Stand for a TOML date or time, which no settings of ours have, by something that is refused as any other type."""
    return [str(value)]


def _expected(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing"
    return message.removeprefix("Value error, ")


def _example(keys: list[str], examples: Mapping[str, str]) -> str:
    for end in range(len(keys), 0, -1):
        example = examples.get(".".join(keys[:end]))
        if example is not None:
            return example
    return ""


def line_of(text: str, loc: _Loc) -> int | None:
    """Return the line a key stands in, or its table's, or None when nothing of it is written.

    Args:
        text: The TOML.
        loc: The way to the key from the top, such as `("buttons", 2, "device")`.
    """
    lines = text.splitlines()
    tables = _tables(lines)
    best = max((table for table in tables if loc[: len(table[1])] == table[1]), key=lambda table: len(table[1]))
    rest = [part for part in loc[len(best[1]) :] if isinstance(part, str)]
    if rest:
        key = re.compile(rf"""\s*["']?{re.escape(rest[0])}["']?\s*[.=]""")
        for number in range(best[0] + 1, len(lines) + 1):
            if _HEADER.match(lines[number - 1]):
                break
            if key.match(lines[number - 1]):
                return number
    return best[0] or None


def _tables(lines: list[str]) -> list[tuple[int, _Loc]]:
    """Return the line and the path of each table written with a header, the file itself as line 0."""
    tables: list[tuple[int, _Loc]] = [(0, ())]
    last: dict[_Loc, int] = {}  # the last position in each array of tables
    for number, line in enumerate(lines, 1):
        header = _HEADER.match(line)
        if header is None:
            continue
        path: tuple[Any, ...] = ()
        names = [name.strip("\"'") for name in header.group(2).split(".")]
        for depth, name in enumerate(names, 1):
            path = (*path, name)
            if depth == len(names) and header.group(1) == "[[":
                last[path] = last.get(path, -1) + 1
            if path in last:
                path = (*path, last[path])
        tables.append((number, path))
    return tables
