"""Line protocol: vectors by hand, and a real InfluxDB as the second implementation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.line_protocol import escape_measurement, escape_tag, escape_text, line, split_lines
from contract.batch import FieldValue, Reading
from tests.conftest import Database


def _reading(kind: str, fields: dict[str, FieldValue], timestamp_ns: int = 1_700_000_000_000_000_001) -> Reading:
    return {"timestamp_ns": timestamp_ns, "sensor": "s-1", "kind": kind, "fields": fields, "clock": "ntp"}


@pytest.mark.parametrize(
    ("kind", "fields", "written"),
    [
        ("water_level", {"level_m": 1.25}, "level_m=1.25"),
        ("water_level", {"level_m": 2}, "level_m=2.0"),
        ("water_level", {"level_m": -0.0}, "level_m=-0.0"),
        ("water_level", {"level_m": 1e-7}, "level_m=1e-07"),
        ("water_level", {"level_m": 0.1 + 0.2}, "level_m=0.30000000000000004"),
        ("box_health", {"waiting_readings": 3}, "waiting_readings=3i"),
        ("box_health", {"disk_free_bytes": 10**15}, "disk_free_bytes=1000000000000000i"),
        ("box_health", {"uptime_s": 10**9}, "uptime_s=1000000000.0"),
        (
            "position",
            {"latitude": -6, "longitude": 107.5, "satellites": 9},
            "latitude=-6.0,longitude=107.5,satellites=9i",
        ),
    ],
)
def test_golden_vectors(kind: str, fields: dict[str, FieldValue], written: str) -> None:
    expected = f'{kind},device=box-1,sensor=s-1 {written},clock="ntp" 1700000000000000001'
    assert line("box-1", _reading(kind, fields)) == expected


def test_escaping() -> None:
    assert escape_tag(r"a b,c=d\e") == r"a\ b\,c\=d/e"
    assert escape_tag("a\nb") == r"a\ b"
    assert escape_measurement("a b,c=d") == r"a\ b\,c=d"
    assert escape_text('say "hi" \\ there') == r'"say \"hi\" \\ there"'


async def test_a_real_server_reads_what_was_written(influxdb: Database) -> None:
    readings = [
        _reading("position", {"latitude": -6, "longitude": 107.5, "satellites": 9}, 1),
        _reading("position", {"latitude": -6.25, "longitude": 107, "satellites": 10}, 2),
        _reading("position", {"latitude": 1e-7, "longitude": 0, "satellites": 0}, 3),
    ]
    async with influxdb.store() as store:
        await store.write("\n".join(line("box-1", one) for one in readings).encode())
        rows = await store.query("SELECT * FROM position")
        types = await store.query("SHOW FIELD KEYS")
    assert rows == [
        {"measurement": "position", "time": one["timestamp_ns"], "device": "box-1", "sensor": "s-1", "clock": "ntp"}
        | one["fields"]
        for one in readings
    ]
    assert {row["fieldKey"]: row["fieldType"] for row in types} == {
        "latitude": "float",
        "longitude": "float",
        "satellites": "integer",
        "clock": "string",
    }


async def test_a_real_server_reads_escaped_names_and_texts(influxdb: Database) -> None:
    tag, text = "a b,c=d/e f", 'say "hi" \\ there\nand here'
    one = f"{escape_measurement('m 1,x=y')},device={escape_tag(tag)} note={escape_text(text)} 1"
    async with influxdb.store() as store:
        await store.write(one.encode())
        (row,) = await store.query("SELECT * FROM /.*/")
    assert row == {"measurement": "m 1,x=y", "time": 1, "device": tag, "note": text}


_LINES = st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5)


@given(_LINES)
def test_lines_are_split_only_where_no_text_is_open(texts: list[str]) -> None:
    lines = [f"m,device=a t={escape_text(text)} {number}".encode() for number, text in enumerate(texts)]
    assert split_lines(b"\n".join(lines)) == lines


def test_splitting_leaves_out_empty_lines() -> None:
    assert split_lines(b"\na\n\nb\n") == [b"a", b"b"]
