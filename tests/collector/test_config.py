"""What collector.toml makes the collector subscribe to; its mistakes in words are in test_cli."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.config import CollectorSettings, topic_filter
from contract.errors import ConfigError
from contract.topics import ALL_TELEMETRY
from link import BrokerSettings


def _settings(group_file: str | None) -> CollectorSettings:
    broker = BrokerSettings(host="h", port=1, ca=Path("ca"), username="u", password_file=Path("p"))
    return CollectorSettings(
        data_dir=Path("d"), broker=broker, group_file=None if group_file is None else Path(group_file)
    )


def test_without_a_group_it_takes_everything(tmp_path: Path) -> None:
    assert topic_filter(_settings(None), tmp_path / "collector.toml") == ALL_TELEMETRY


def test_with_a_group_it_takes_its_share(tmp_path: Path) -> None:
    file = tmp_path / "collector.group"
    file.touch(0o600)
    file.write_text("a-Secret_name9\n")
    assert topic_filter(_settings(file.name), tmp_path / "collector.toml") == f"$share/a-Secret_name9/{ALL_TELEMETRY}"


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        ("a+b", 0o600, "holds no group's name"),
        ("a/b", 0o600, "holds no group's name"),
        ("a" * 129, 0o600, "holds no group's name"),
        ("", 0o600, "is empty"),
        ("group", 0o644, "can be read by others"),
        (None, 0o600, "is not there"),
    ],
)
def test_a_group_that_cannot_be_used_is_named(tmp_path: Path, text: str | None, mode: int, why: str) -> None:
    file = tmp_path / "collector.group"
    if text is not None:
        file.touch(mode)
        file.write_text(text)
    with pytest.raises(ConfigError, match="group_file") as caught:
        topic_filter(_settings(file.name), tmp_path / "collector.toml")
    assert why in str(caught.value)
