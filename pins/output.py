"""A siren or a beacon of a box: told for how long by whom this box obeys, ended by the process that guards its line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections import Counter
from typing import Final, Protocol

from link.backoff import Backoff
from pins.errors import LineError
from pins.uri import GpioLine, parse_lamp_uri

_log = logging.getLogger("siaga.pins.output")

ANSWER_S: Final = 2.0
"""A guard that does not answer within this time is started anew, which is silence."""
_END_S: Final = 0.5
_MOST_WAIT_S: Final = 5.0
_MODULE: Final = "pins.guard"


class Sounding(Protocol):
    """A siren or a beacon, whatever it hangs on."""

    @property
    def wrong(self) -> str | None:
        """What is wrong with it now, in words that say what to do, or None."""
        ...

    @property
    def on(self) -> bool:
        """Whether it goes."""
        ...

    def left_s(self, monotonic_ns: int) -> float:
        """Return for how many seconds it goes on by itself; 0 when it is silent."""
        ...

    async def set(self, on: bool, seconds: int = 0) -> float:
        """Let it go for `seconds` from now, or be silent; return for how many seconds it goes.

        Raises:
            LineError: It does not, or nobody knows whether it does.
        """
        ...

    async def run(self) -> None:
        """Keep it usable until cancelled."""
        ...


class Output:
    """One output and its guard (`guard.py`).

    Args:
        name: `siren` or `beacon`.
        uri: Its line, as a lamp's.
        most_s: The longest it goes on one command, in seconds.
        faults: Counts each time it is lost.
    """

    def __init__(self, name: str, uri: str, most_s: int, faults: Counter[str]) -> None:
        self.name = name
        self.wrong: str | None = None
        """What is wrong with it now, in words that say what to do, or None."""
        self._uri = uri
        self._most_s = most_s
        self._faults = faults
        self._until_ns = 0
        self._on = False
        self._guard: asyncio.subprocess.Process | None = None
        self._answer: asyncio.Future[str] | None = None
        self._turn = asyncio.Lock()

    @property
    def on(self) -> bool:
        """Whether its line is active, as the guard told last."""
        return self._on

    def left_s(self, monotonic_ns: int) -> float:
        """Return for how many seconds it goes on by itself; 0 when it is silent."""
        return max(0.0, (self._until_ns - monotonic_ns) / 1e9) if self._on else 0.0

    async def set(self, on: bool, seconds: int = 0) -> float:
        """Let it go for `seconds` from now, or be silent; return for how many seconds it goes.

        Raises:
            LineError: It does not, or nobody knows whether it does; then its guard is started anew.
        """
        seconds = min(seconds, self._most_s) if on else 0
        async with self._turn:
            guard, self._answer = self._guard, asyncio.get_running_loop().create_future()
            if guard is None or guard.stdin is None:
                raise LineError(self._uri, "its guard does not run", "it is started again within seconds")
            guard.stdin.write(f"on {seconds * 1_000}\n".encode() if on else b"off\n")
            self._until_ns = time.monotonic_ns() + seconds * 10**9
            try:
                async with asyncio.timeout(ANSWER_S):
                    answer = await self._answer
            except TimeoutError:
                guard.kill()
                raise LineError(self._uri, f"no answer of its guard within {ANSWER_S:g} s") from None
            finally:
                self._answer = None
        if answer != ("on" if on else "off"):
            raise LineError(self._uri, answer.removeprefix("lost "))
        return float(seconds)

    async def run(self) -> None:
        """Keep the guard running until cancelled; then it is silent, and gone."""
        backoff = Backoff(base_s=0.2, cap_s=_MOST_WAIT_S)
        while True:
            guard = await asyncio.create_subprocess_exec(
                sys.executable, "-m", _MODULE, *self._arguments(),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            self._guard = guard
            began_s = time.monotonic()
            try:
                await self._hear(guard)
            finally:
                self._guard = None
                self._on = False
                await _end(guard)
            if time.monotonic() - began_s > _MOST_WAIT_S:
                backoff.reset()
            self._lose("its guard ended; it is started again")
            self._answered("its guard ended")
            await asyncio.sleep(backoff.next_s())

    async def _hear(self, guard: asyncio.subprocess.Process) -> None:
        assert guard.stdout is not None
        while line := await guard.stdout.readline():
            told = line.decode("utf-8", "replace").strip()
            words = told.removeprefix("=")
            if words in ("on", "off"):
                if self._on != (words == "on"):
                    _log.warning("%s: %s", self.name, words)
                self._on = words == "on"
                self.wrong = None
            else:
                self._on = False
                self._lose(words.removeprefix("lost "))
            if told != words:
                self._answered(words)

    def _lose(self, why: str) -> None:
        self.wrong = f"lost: {why}; check its line {self._uri}"
        self._faults[f"{self.name} lost"] += 1
        _log.error("%s: %s", self.name, self.wrong)

    def _answered(self, words: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(words)

    def _arguments(self) -> list[str]:
        line = parse_lamp_uri(self._uri)
        most_ms = str(self._most_s * 1_000)
        if isinstance(line, GpioLine):
            return [most_ms, "gpio", line.chip, str(line.offset), "low" if line.active_low else "high"]
        return [most_ms, "sim", line.socket, line.line]


async def _end(guard: asyncio.subprocess.Process) -> None:
    """Let a guard end by the end of its stdin, which is silence; one that does not is killed."""
    if guard.stdin is not None:
        guard.stdin.close()
    try:
        async with asyncio.timeout(_END_S):
            await guard.wait()
    except (TimeoutError, asyncio.CancelledError) as error:
        with contextlib.suppress(ProcessLookupError):
            guard.kill()
        if isinstance(error, asyncio.CancelledError):
            raise
        await guard.wait()
