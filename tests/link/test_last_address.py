"""The last good address over a restart: written when it changes, and nothing in the file harms."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from link.last_address import Address, recall, remember

V4: Address = (socket.AF_INET, ("127.0.0.1", 8883))
V6: Address = (socket.AF_INET6, ("::1", 8883, 0, 0))


@pytest.mark.parametrize("address", [V4, V6])
def test_what_is_remembered_is_recalled(tmp_path: Path, address: Address) -> None:
    remember(tmp_path / "kept", "alarm.example", 8883, address)
    assert recall(tmp_path / "kept", "alarm.example", 8883) == address
    assert recall(tmp_path / "kept", "other.example", 8883) is None
    assert recall(tmp_path / "kept", "alarm.example", 8884) is None


def test_the_card_is_written_only_when_the_address_changes(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    remember(path, "alarm.example", 8883, V4)
    before = path.stat()
    remember(path, "alarm.example", 8883, V4)
    assert path.stat() == before
    remember(path, "alarm.example", 8883, V6)
    assert recall(path, "alarm.example", 8883) == V6
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[" * 10_000,
        b'{"host":"alarm.example","port":8883}',
        b'{"host":"alarm.example","port":8883,"address":"alarm.example"}',
        b'{"host":"alarm.example","port":8883,"address":null}',
        b'{"host":"alarm.example","port":8883,"address":"127.0.0.1"' + b" " * 10_000 + b"}",
    ],
)
def test_a_damaged_file_is_no_address_and_is_replaced(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "kept"
    path.write_bytes(damage)
    assert recall(path, "alarm.example", 8883) is None
    remember(path, "alarm.example", 8883, V4)
    assert recall(path, "alarm.example", 8883) == V4


def test_a_card_that_takes_nothing_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "card").write_text("a file where the folder should be")
    remember(tmp_path / "card" / "kept", "alarm.example", 8883, V4)
    assert recall(tmp_path / "card" / "kept", "alarm.example", 8883) is None
    (tmp_path / "kept").mkdir()
    remember(tmp_path / "kept", "alarm.example", 8883, V4)
    assert recall(tmp_path / "kept", "alarm.example", 8883) is None
