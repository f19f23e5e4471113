"""What the drivers of a board's parts make of its bytes: each case whole, byte by byte, and cut at every byte."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

import edge_agent.drivers
from edge_agent.config import ButtonSettings, OutputSettings
from edge_agent.drivers.board import News, Raised, Released
from edge_agent.drivers.board_button.driver import BoardButtons
from edge_agent.drivers.board_line.driver import BoardLines
from firmware_bridge.session import Session, Told

_DRIVERS: Final = Path(edge_agent.drivers.__file__).parent
_FOLDERS: Final = [_DRIVERS / "board_button", _DRIVERS / "board_line"]
_CASES: Final = sorted(path for folder in _FOLDERS for path in folder.glob("testcases/*"))
_MS: Final = 1_000_000


def told(chunks: list[bytes]) -> list[Told]:
    session = Session(session=1)
    session.opened(0)
    return [each for chunk in chunks for each in session.feed(chunk, 5 * _MS)]


def news_of(case: Path, chunks: list[bytes]) -> list[News]:
    if case.parts[-3] == "board_button":
        buttons = BoardButtons({0: "sos", 1: "gate"})
        return [news for each in told(chunks) for news in buttons.take(each, 5 * _MS)]
    lines = BoardLines({0: ("tower", False), 1: ("lid", True)}, {})
    return [news for each in told(chunks) for news in lines.take(each, 5 * _MS)]


def is_as(news: News, expected: dict[str, Any]) -> bool:
    if isinstance(news, Released):
        return expected == {"released": news.button}
    assert isinstance(news, Raised)
    detail = expected.get("detail")
    return (news.button, news.cause, news.number, news.detail is None) == (
        expected.get("raised"),
        expected.get("cause"),
        expected.get("number"),
        detail is None,
    ) and (detail or "") in (news.detail or "")


@pytest.mark.parametrize("case", _CASES, ids=lambda case: f"{case.parts[-3]}: {case.name}")
def test_case(case: Path) -> None:
    lines = (case / "input.hex").read_text().splitlines()
    data = b"".join(bytes.fromhex(line) for line in lines if not line.startswith("#"))
    expected = [json.loads(line) for line in (case / "expected.jsonl").read_text().splitlines()]
    ways = [[data], [data[at : at + 1] for at in range(len(data))]]
    ways += [[data[:at], data[at:]] for at in range(1, len(data))]
    for way in ways:
        found = news_of(case, way)
        assert len(found) == len(expected), found
        assert all(map(is_as, found, expected)), found


@pytest.mark.parametrize("folder", _FOLDERS, ids=lambda folder: folder.name)
def test_readme_and_sample_are_in_step(folder: Path) -> None:
    sample = tomllib.loads((folder / "sample.toml").read_text())
    readme = (folder / "README.md").read_text()
    for table in sample["buttons"]:
        button = ButtonSettings.model_validate(table)
        part = button.board_part()
        assert part is not None
        assert f"?{part.part}=0" in readme
    if "siren" in sample:
        assert OutputSettings.model_validate(sample["siren"]).board_part() is not None
