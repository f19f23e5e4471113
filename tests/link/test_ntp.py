"""Whether NTP keeps the clock, as timedatectl says; it may be missing, or hang."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from link import ntp
from tests.link.harness import until

pytestmark = pytest.mark.slow


def timedatectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a `timedatectl` that runs `script` in front of the system's."""
    path = tmp_path / "timedatectl"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("script", "synchronised"), [("echo yes", True), ("echo no", False), ("echo no bus >&2; exit 1", False)]
)
async def test_it_is_what_timedatectl_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, synchronised: bool
) -> None:
    timedatectl(tmp_path, monkeypatch, script)
    monkeypatch.setattr(ntp, "_TIMEOUT_S", 30.0)  # what is given up is looked at below
    assert await ntp.is_synchronised() is synchronised


async def test_where_there_is_none_nobody_can_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not await ntp.is_synchronised()


@pytest.mark.parametrize("stopped", [False, True], ids=["given up", "stopped"])
async def test_one_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: bool) -> None:
    timedatectl(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(ntp, "_TIMEOUT_S", 30.0 if stopped else 0.3)
    begun: list[asyncio.subprocess.Process] = []
    really = asyncio.create_subprocess_exec

    async def note(*command: str, **options: Any) -> asyncio.subprocess.Process:
        begun.append(await really(*command, **options))
        return begun[0]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", note)
    asking = asyncio.create_task(ntp.is_synchronised())
    if stopped:
        await until(lambda: bool(begun))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    else:
        assert not await asking
    await until(lambda: not Path(f"/proc/{begun[0].pid}").exists())  # it tells its end to its parent only
