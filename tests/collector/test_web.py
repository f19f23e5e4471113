"""/metrics, /healthz and /readyz."""

from __future__ import annotations

import json

import aiohttp
import pytest

from collector.metrics import METRICS, Snapshot, parse
from collector.web import ListenError, serving
from siaga.stack.ports import free_port

VALUES = {metric.name: 1.0 for metric in METRICS if not metric.label}


async def test_it_answers_and_says_why_it_is_not_ready() -> None:
    port, snapshots = free_port(), [Snapshot(VALUES), Snapshot(VALUES, faults=("no broker",))]
    async with (
        serving("127.0.0.1", port, lambda: snapshots[-1]),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        async with http.get("/metrics") as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
            assert parse(await answer.text()) == VALUES
        async with http.get("/healthz") as answer:
            assert (answer.status, await answer.text()) == (200, "ok\n")
        async with http.get("/readyz") as answer:
            assert (answer.status, json.loads(await answer.text())["faults"]) == (503, ["no broker"])
        snapshots.pop()
        async with http.get("/readyz") as answer:
            assert answer.status == 200
        for method, path, status in (("GET", "/", 404), ("POST", "/metrics", 405), ("GET", "/metrics/../x", 404)):
            async with http.request(method, path) as answer:
                assert answer.status == status


async def test_a_port_that_is_taken_is_an_error() -> None:
    port = free_port()
    async with serving("127.0.0.1", port, lambda: Snapshot(VALUES)):
        with pytest.raises(ListenError, match=f"{port}: "):
            async with serving("127.0.0.1", port, lambda: Snapshot(VALUES)):
                pass
