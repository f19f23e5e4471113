"""What `siaga collector top` makes of the figures; the command itself is in test_cli."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from collector.metrics import METRICS, Snapshot, parse, render
from collector.top import TopError, fetch, rates, screen, show
from collector.web import serving
from siaga.stack.ports import free_port

ZERO = dict.fromkeys((metric.name for metric in METRICS if not metric.label), 0.0)


def _figures(**changes: float) -> dict[str, float]:
    refused = changes.pop("refused", 0.0)
    return parse(render(Snapshot({**ZERO, **changes}, {"refused_total": {"not json": refused}})))


def test_rates_are_of_the_time_between_two_looks() -> None:
    before = _figures(messages_total=100, cpu_seconds_total=1.0, store_writes_total=5, store_write_seconds_total=1.0)
    now = _figures(
        messages_total=300,
        stored_total=500,
        cpu_seconds_total=1.001,
        store_writes_total=9,
        store_write_seconds_total=1.1,
        held_messages=7,
        refused=4,
    )
    told = rates(before, now, 2.0)
    assert (told["messages_per_s"], told["stored_per_s"], told["refused_per_s"]) == (100.0, 250.0, 2.0)
    assert round(told["cpu_percent"], 3) == 0.05
    assert round(told["cpu_us_per_message"], 3) == 5.0
    assert round(told["store_write_ms"], 3) == 25.0
    assert told["held_messages"] == 7


def test_a_restart_in_between_is_no_negative_rate_and_nothing_is_divided_by_nothing() -> None:
    told = rates(_figures(messages_total=100, store_writes_total=9), _figures(), 1.0)
    assert min(told.values()) == 0.0


def test_the_screen_says_what_is_wrong() -> None:
    good = _figures(connected=1, store_ok=1, messages_total=12_345)
    text = screen(rates(good, good, 1.0), good)
    assert "12,345" in text
    assert "NOT" not in text
    assert "refused so far" in text
    bad = _figures(deaf_total=3)
    text = screen(rates(bad, bad, 1.0), bad)
    assert "NOT CONNECTED" in text
    assert "TAKES NOTHING" in text
    assert "left deaf: 3" in text


async def test_it_looks_at_a_running_collector() -> None:
    import asyncio

    port, snapshot = free_port(), Snapshot(ZERO)

    def current() -> Snapshot:
        nonlocal snapshot
        snapshot = replace(snapshot, values={**ZERO, "messages_total": snapshot.values["messages_total"] + 50})
        return snapshot

    async with serving("127.0.0.1", port, current):
        out = io.StringIO()
        await asyncio.to_thread(show, f"http://127.0.0.1:{port}/", interval_s=0.02, looks=2, as_json=True, out=out)
        lines = [json.loads(line) for line in out.getvalue().splitlines()]
        assert len(lines) == 2
        assert all(line["messages_per_s"] > 0 for line in lines)
        text = io.StringIO()
        await asyncio.to_thread(show, f"http://127.0.0.1:{port}", interval_s=0.02, looks=1, as_json=False, out=text)
        assert "messages" in text.getvalue()
        assert "\x1b" not in text.getvalue(), "no control sequences where nobody has a terminal"


def test_nobody_there_is_said_so() -> None:
    with pytest.raises(TopError, match=r"no collector's metrics: .*refused.*\[metrics\]"):
        fetch(f"http://127.0.0.1:{free_port()}")


async def test_something_else_there_is_said_so() -> None:
    import asyncio

    from tests.store.scripted import reply, scripted

    async with scripted(reply("200 OK", b"<html>hello"), reply("200 OK", b"other_total 1\n")) as server:
        with pytest.raises(TopError, match="no collector's metrics"):
            await asyncio.to_thread(fetch, server.url)
        with pytest.raises(TopError, match="is no collector"):
            await asyncio.to_thread(fetch, server.url)
