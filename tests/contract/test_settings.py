"""A mistake in a settings file names file, line, key, what was expected and an example."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

import pytest
from pydantic import Field, model_validator

from contract.errors import ConfigError
from contract.settings import Settings, check_toml, fault_at, load_toml


class _Broker(Settings):
    host: str
    port: Annotated[int, Field(ge=1, le=65_535)]


class _Line(Settings):
    id: str
    broker: _Broker | None = None


class _Box(Settings):
    device: str
    data_dir: Path = Path("/var/lib/siaga")
    ratio: float = 1.0
    broker: _Broker
    lines: list[_Line] = Field(default_factory=list)
    pair: tuple[int, int] = (0, 0)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        ids = [line.id for line in self.lines]
        for position, name in enumerate(ids):
            if name in ids[:position]:
                raise fault_at(("lines", position, "id"), f"{name!r} appears twice, {{}}")
        return self


_GOOD = """\
device = "box-1"
data_dir = "/tmp/x"
ratio = 2
pair = [1, 2]
[broker]
host = "127.0.0.1"
port = 1883
[[lines]]
id = "a"
[[lines]]
id = "b"
[lines.broker]
host = "h"
port = 1
"""
_EXAMPLES = {"device": 'device = "box-1"', "broker": "[broker] …", "broker.port": "port = 1883", "lines": "[[lines]] …"}


def test_good_settings_are_read() -> None:
    box = load_toml(_GOOD, _Box, source="box.toml")
    assert box.data_dir == Path("/tmp/x")
    assert (box.ratio, box.pair) == (2.0, (1, 2))
    assert box.lines[1].broker == _Broker(host="h", port=1)


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "expected", "example"),
    [
        ('device = "box-1"\n', "", None, "device", "is missing", 'device = "box-1"'),
        ('device = "box-1"', "device = 7", 1, "device", "valid string", 'device = "box-1"'),
        ('device = "box-1"', "device = 2026-11-21", 1, "device", "valid string", 'device = "box-1"'),
        ("port = 1883", 'port = "1883"', 7, "broker.port", "valid integer", "port = 1883"),
        ("port = 1883", "port = true", 7, "broker.port", "valid integer", "port = 1883"),
        ("port = 1883", "port = 1883.0", 7, "broker.port", "valid integer", "port = 1883"),
        ("port = 1883", "port = 65536", 7, "broker.port", "less than or equal to 65535", "port = 1883"),
        ("port = 1883", "'port' = 0", 7, "broker.port", "greater than or equal to 1", "port = 1883"),
        ("port = 1883\n", "", 5, "broker.port", "is missing", "port = 1883"),
        ("port = 1883", "port = 1883\nprot = 1", 8, "broker.prot", "no such key; did you mean 'port'?", "[broker] …"),
        ("port = 1883", "prot = 1883", 7, "broker.prot", "no such key; did you mean 'port'?", "[broker] …"),
        ("port = 1\n", "prot = 1\n", 14, "lines.1.broker.prot", "no such key; did you mean 'port'?", "[[lines]] …"),
        ("ratio = 2", "colour = 2", 3, "colour", "no such key", ""),
        ("ratio = 2", "ratio = nan", 3, "ratio", "finite number", ""),
        ("ratio = 2", "# [broker]\nratio = true", 4, "ratio", "valid number", ""),
        ('id = "b"', "id = 1", 11, "lines.1.id", "valid string", "[[lines]] …"),
        ('id = "b"', 'id = "a"', 11, "lines.1.id", "'a' appears twice, {}", "[[lines]] …"),
        ("port = 1\n", "port = 0\n", 14, "lines.1.broker.port", "greater than or equal to 1", "[[lines]] …"),
        ("pair = [1, 2]", "pair = [\n  1,\n  'x',\n]", 4, "pair.1", "valid integer", ""),
        ("ratio = 2", "ratio = ", 3, "", "not TOML", ""),
        ("ratio = 2", "device = 'again'", 3, "", "not TOML", ""),
        ("ratio = 2", f"ratio = {'[' * 5_000}", None, "", "not TOML: nested too deep", ""),
    ],
)
def test_a_mistake_is_told(old: str, new: str, line: int | None, key: str, expected: str, example: str) -> None:
    assert _GOOD.count(old) == 1
    with pytest.raises(ConfigError) as caught:
        load_toml(_GOOD.replace(old, new), _Box, source="box.toml", examples=_EXAMPLES)
    error = caught.value
    assert (error.file, error.key, error.example) == ("box.toml", key, example)
    assert expected in error.expected
    assert error.line == line


def test_the_message_reads_as_one_line() -> None:
    with pytest.raises(ConfigError) as caught:
        load_toml(_GOOD.replace("port = 1883", "port = 0"), _Box, source="box.toml", examples=_EXAMPLES)
    assert str(caught.value) == (
        "box.toml:7: broker.port: Input should be greater than or equal to 1; example: port = 1883"
    )


def test_settings_are_frozen() -> None:
    box = load_toml(_GOOD, _Box, source="box.toml")
    with pytest.raises(ValueError, match="frozen"):
        box.device = "box-2"  # type: ignore[misc]


def test_every_fault_is_told_an_unknown_key_first_and_what_it_was_meant_for_not_again() -> None:
    text = _GOOD.replace('device = "box-1"', "device = 7").replace("port = 1883", "prot = 1883")
    settings, faults = check_toml(text.replace("port = 1\n", "port = 0\n"), _Box, source="box.toml")
    assert settings is None
    assert [(fault.key, fault.line) for fault in faults] == [
        ("broker.prot", 7),
        ("device", 1),
        ("lines.1.broker.port", 14),
    ]
    missing = [fault.key for fault in check_toml("colour = 1\n", _Box, source="box.toml")[1]]
    assert missing == ["colour", "device", "broker"], "one that resembles nothing hides nothing"


def test_faults_without_end_are_cut() -> None:
    text = "".join(f"key_{number} = 1\n" for number in range(5_000))
    assert len(check_toml(text, _Box, source="box.toml")[1]) == 100
