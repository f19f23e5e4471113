"""Tries the parts of a board that can be tried without a hand at them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from statistics import median
from typing import Final

from firmware_bridge.commands import Answer
from firmware_bridge.link import BoardLink
from firmware_bridge.messages import CommandKind, LineClass, Pattern
from firmware_bridge.session import Told
from firmware_bridge.words import Language, Text, text, wrong_words

SHOWN_S: Final = 0.5
SLOW_MS: Final = 100.0
_READS: Final = 20

Found = list[tuple[bool, Text]]


async def run_selftest(link: BoardLink, *, siren: bool, answer_s: float, language: Language) -> Found:
    """Try a board's lamps, lines and the way to it, and its sirens if `siren`; return each finding, and if it is good.

    All outputs are off afterwards. Nothing is found when the board does not answer within `answer_s`.
    """
    found: Found = []
    async with aclosing(link.told()) as told:
        try:
            async with asyncio.timeout(answer_s):
                while link.session.state != "ready":
                    await anext(told)
        except TimeoutError:
            return []
        hello = link.session.hello
        assert hello is not None
        # The line may have been opened in the middle of a frame: what came before the hello says nothing of the cable.
        before = link.session.counters.copy()
        outputs: list[tuple[CommandKind, int, int]] = [
            (CommandKind.LAMP, index, Pattern.SOLID) for index in range(hello.lamps)
        ]
        if siren:
            # A second by the board's own clock, should this process end before it says off.
            outputs += [(CommandKind.SIREN, index, Pattern.SOLID | 1 << 8) for index in range(hello.sirens)]
        for kind, index, on in outputs:
            said = await _do(link, told, kind, index, on)
            await asyncio.sleep(SHOWN_S)
            silenced = await _do(link, told, kind, index, Pattern.OFF)
            good = said is not None and silenced is not None and said.result == silenced.result == 0
            found.append(
                (good, text("switched" if good else "did not obey", what=text(kind.name.lower()), index=index))
            )
        times_ms: list[float] = []
        for index in range(hello.lines):
            found.append(await _line(link, told, index, times_ms))
        lost = sum(1 for each in times_ms if each == float("inf"))
        middle = median(times_ms) if times_ms else 0.0
        found.append((lost == 0 and middle < SLOW_MS, text("there and back", ms=f"{middle:.0f}", lost=lost)))
        since = link.session.counters - before
        bad = sum(since[name] for name in ("crc", "cobs", "short", "long"))
        found.append((bad == 0, text("frames", good=since["frames"], bad=bad)))
    wrong = link.wrong
    found.append(
        (wrong is None, text("board", how=wrong_words(wrong, language) if wrong is not None else text("well")))
    )
    return found


async def _line(
    link: BoardLink, told: AsyncGenerator[list[Told], None], index: int, times_ms: list[float]
) -> tuple[bool, Text]:
    answer = None
    for _ in range(_READS // 2):
        began_ns = time.monotonic_ns()
        answer = await _do(link, told, CommandKind.READ_LINE, index, 0)
        times_ms.append((time.monotonic_ns() - began_ns) / 1e6 if answer is not None else float("inf"))
    beat = link.session.beat
    state = beat.lines[index] if beat is not None and index < len(beat.lines) else None
    if answer is None or answer.value is None or state is None:
        return False, text("line no answer", index=index)
    good = state in (LineClass.NORMAL, LineClass.PRESSED)
    percent = f"{answer.value / 10:.1f}"
    return good, text("line is", index=index, state=text(state.name.lower()), percent=percent)


async def _do(
    link: BoardLink, told: AsyncGenerator[list[Told], None], kind: CommandKind, index: int, value: int
) -> Answer | None:
    """Give a command and return its answer; None when there was none within its time."""
    asked: list[int] = []
    link.say(lambda session: asked.append(session.command(kind, index, value, time.monotonic_ns())))
    async for some in told:
        for each in some:
            if isinstance(each, Answer) and each.id == asked[0]:
                return each if each.result is not None else None
    return None
