"""Asks the operating system whether NTP keeps the wall clock."""

from __future__ import annotations

import asyncio
import contextlib

_COMMAND = ("timedatectl", "show", "--property=NTPSynchronized", "--value")
_TIMEOUT_S = 3.0
_END_S = 1.0


async def is_synchronised() -> bool:
    """Return whether the wall clock follows NTP; False where nobody can tell (no systemd, no bus)."""
    try:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            out, _ = await process.communicate()
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            # Also when our process stops meanwhile; its end is awaited, as the loop may end right after.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_END_S):
                    await process.communicate()
    return out.strip() == b"yes"
