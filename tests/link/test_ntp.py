"""Whether NTP keeps the clock, as timedatectl says; it may be missing, or hang."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from link import ntp

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
    assert await ntp.is_synchronised() is synchronised


async def test_where_there_is_none_nobody_can_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not await ntp.is_synchronised()


@pytest.mark.parametrize("stopped", [False, True], ids=["given up", "stopped"])
async def test_one_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: bool) -> None:
    timedatectl(tmp_path, monkeypatch, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    monkeypatch.setattr(ntp, "_TIMEOUT_S", 0.3)
    asking = asyncio.create_task(ntp.is_synchronised())
    if stopped:
        await asyncio.sleep(0.2)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    else:
        assert not await asking
    pid = int((tmp_path / "pid").read_text())
    async with asyncio.timeout(5):
        while Path(f"/proc/{pid}").exists():  # noqa: ASYNC110 - a process tells its end to its parent only
            await asyncio.sleep(0.01)
