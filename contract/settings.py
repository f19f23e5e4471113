"""Settings written in TOML, checked before anything is opened.

Every process of Siaga reads its settings through `load_toml`, so that a mistake is always told in the same way: file,
line, key, what was expected, an example.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from contract.errors import ConfigError


class Settings(BaseModel):
    """What every settings model has in common: frozen, and a key it does not know is a mistake, not a wish."""

    model_config = ConfigDict(frozen=True, extra="forbid")


ModelT = TypeVar("ModelT", bound=BaseModel)


def load_toml(text: str, model: type[ModelT], *, source: str, examples: Mapping[str, str] | None = None) -> ModelT:
    """Return settings parsed from a TOML text.

    Args:
        text: The TOML.
        model: The model to check against.
        source: The file's name, for error messages.
        examples: Examples by dotted key without list positions (`serial.uri`); the longest known prefix of the faulty
            key is shown.

    Raises:
        ConfigError: It names the file, line, key, what was expected and an example.
    """
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        line = int(found.group(1)) if found else None
        raise ConfigError(source, "", f"not TOML: {error}", line=line) from None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        loc = fault["loc"]
        # A union's branch names stand in `loc` between the keys; they are no keys of the file.
        key = ".".join(str(part) for part in loc)
        expected = "no such key" if fault["type"] == "extra_forbidden" else str(fault["msg"])
        plain = [str(part) for part in loc if isinstance(part, str)]
        raise ConfigError(
            source, key, expected, example=_example(plain, examples or {}), line=_line_of(text, loc)
        ) from None


def _example(keys: list[str], examples: Mapping[str, str]) -> str:
    for end in range(len(keys), 0, -1):
        example = examples.get(".".join(keys[:end]))
        if example is not None:
            return example
    return ""


def _line_of(text: str, loc: tuple[int | str, ...]) -> int | None:
    """Return the line a key stands in, or its table's, or None. Good for plain tables and arrays of tables."""
    tables: list[tuple[int, tuple[int | str, ...]]] = [(0, ())]
    counts: dict[str, int] = {}
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        header = re.match(r"\s*(\[\[?)\s*([A-Za-z0-9_.\-]+)\s*\]", line)
        if header is None:
            continue
        name = header.group(2)
        path: tuple[int | str, ...] = tuple(name.split("."))
        if header.group(1) == "[[":
            counts[name] = counts.get(name, -1) + 1
            path = (*path, counts[name])
        tables.append((number, path))
    best = max((table for table in tables if loc[: len(table[1])] == table[1]), key=lambda table: len(table[1]))
    rest = [part for part in loc[len(best[1]) :] if isinstance(part, str)]
    if rest:
        for number in range(best[0] + 1, len(lines) + 1):
            line = lines[number - 1]
            if line.lstrip().startswith("["):
                break
            if re.match(rf"\s*{re.escape(rest[0])}\s*=", line):
                return number
    return best[0] or None
