"""A forge of scripted sessions on an outbox, for sweeps: it imports once and forks a process for each.

    python -m tests.edge_agent.card_faults.session

It takes JSON lines `{"do": NAME, "first": NUMBER, "folder": PATH, "told": PATH, "go": FIFO or null}`, forks for each
and answers with the new process id, at its end for what needs no `go`. The forked process waits until `go` is opened
for writing, does what is named, and appends a line to `told` for each promise the outbox made: whoever reads it holds
the card against it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import sqlite3
import sys
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from contract.messages import Press
from edge_agent.alarm_lane import KeptPress
from edge_agent.batch_commands import NewRow
from edge_agent.outbox.alarms import AlarmOutbox
from edge_agent.outbox.batches import BatchOutbox
from edge_agent.outbox.writer import OutboxError, Writer

_PR_SET_PTRACER: Final = 0x59616D61
_CHECKPOINT_BYTES: Final = 60_000
_NOBODY: Final = 65_534
STREAM: Final = "0123456789abcdef"

Tell = Callable[[str, object], None]


def press(number: int) -> KeptPress:
    """Return the n-th press of the script: the same one in every process."""
    body = Press(
        event_id=f"0190a000-0000-7000-8000-{number:012x}",
        device="box-1",
        button=f"button-{number % 3}",
        cause="press",
        status="Actual",
        pressed_at_ns=number,
        clock="none",
        age_ms=0,
        stream=STREAM,
        sequence=number,
    )
    return KeptPress(body, "boot-1", number)


def batch(number: int) -> NewRow:
    """Return the n-th batch of the script: about 3 kB that do not compress to nothing."""
    readings = ",".join(str((number + 1) * 7_919 * step % 1_000_003) for step in range(450))
    return NewRow((STREAM, number), 450, f"[{readings}]".encode(), sent=False)


async def alarms(folder: Path, first: int, tell: Tell) -> None:
    """A life of the alarm outbox, from press `first` on."""
    outbox = AlarmOutbox(folder)
    outbox.writer.checkpoint_bytes = _CHECKPOINT_BYTES
    outbox.writer.start()
    await outbox.load()
    for number in range(first, first + 6):
        kept = press(number)
        await outbox.add(kept, held=number % 2 == 0)
        tell("committed", kept.press.event_id)
        if number % 3 == 1:
            tell("removing", kept.press.event_id)
            await outbox.remove(kept.press.event_id)
            await outbox.released(kept.press.button)
    await _end(outbox.writer, in_order=first > 0)


async def telemetry(folder: Path, first: int, tell: Tell) -> None:
    """A life of the telemetry outbox, from batch `first` on."""
    outbox = BatchOutbox(folder)
    outbox.writer.checkpoint_bytes = _CHECKPOINT_BYTES
    outbox.writer.start()
    await outbox.index()
    for number in range(first, first + 12, 4):
        await outbox.keep(tuple(batch(each) for each in range(number, number + 4)))
        tell("committed", list(range(number, number + 4)))
        tell("removing", [number, number + 2])
        await outbox.forget(((STREAM, number), (STREAM, number + 2)))
    await _end(outbox.writer, in_order=first > 0)


async def stubborn(folder: Path, first: int, tell: Tell) -> None:
    """A life of both outboxes on a card that refuses: each press and batch is kept again until it is."""
    presses, batches = AlarmOutbox(folder), BatchOutbox(folder)
    for outbox in (presses, batches):
        outbox.writer.checkpoint_bytes = _CHECKPOINT_BYTES // 2
        outbox.writer.start()
    for number in range(first, first + 8):
        kept = press(number)
        await _insist(lambda kept=kept: presses.add(kept), presses.writer, tell)  # type: ignore[misc]
        tell("committed", kept.press.event_id)
        row = batch(number)
        await _insist(lambda row=row: batches.keep([row]), batches.writer, tell)  # type: ignore[misc]
        tell("committed", number)
    for outbox in (presses, batches):
        outbox.writer.stop()


async def stranger(folder: Path, first: int, tell: Tell) -> None:
    """An agent whose user may only read, or not even that."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    outbox = AlarmOutbox(folder)
    outbox.writer.start()
    try:
        presses, _ = await outbox.load()
        tell("presses", [kept.press.event_id for kept in presses])
    except OutboxError as error:
        tell("not read", str(error))
    try:
        await outbox.add(press(first))
    except OutboxError as error:
        tell("not kept", str(error))
    tell("fault", outbox.writer.fault)
    outbox.writer.stop()


async def _insist(ask: Callable[[], Coroutine[Any, Any, object]], writer: Writer, tell: Tell) -> None:
    for _ in range(10):
        try:
            await ask()
        except OutboxError:
            tell("refused", writer.fault)
        else:
            return
    raise AssertionError(f"refused ten times: {writer.fault}")


async def _end(writer: Writer, *, in_order: bool) -> None:
    """End a life: in order, or as by a kill, so that the next one finds its log."""
    if in_order:
        writer.stop()
    else:
        await writer.run(lambda connection: None)  # what the job before it left to do is done by now


async def read(folder: Path, first: int, tell: Tell) -> None:
    """Open both outboxes as an agent does and tell what they hold."""
    presses: list[KeptPress] = []
    held: list[str] = []
    unreadable = 0
    if list(folder.glob("alarms.db*")):
        outbox = AlarmOutbox(folder)
        outbox.writer.start()
        presses, holding = await outbox.load()
        held = sorted(holding)
        unreadable = outbox.unreadable
        tell("alarms_check", await outbox.writer.run(_check))
        tell("alarms_set_aside", outbox.writer.set_aside)
        # A box goes on after it: the next press must find room in it.
        await outbox.add(press(999))
        await outbox.remove(press(999).press.event_id)
        outbox.writer.stop()
    tell("presses", {kept.press.event_id: kept == press(kept.press.sequence) for kept in presses})
    tell("held", held)
    tell("unreadable", unreadable)
    if list(folder.glob("telemetry.db*")):
        batches = BatchOutbox(folder)
        batches.writer.start()
        found = {}
        for row in (await batches.index()).value:
            body = (await batches.load(row.key)).value
            promised = batch(row.key[1])
            found[row.key[1]] = (row.key, row.readings, body) == (promised.key, promised.readings, promised.body)
        tell("batches", found)
        tell("telemetry_check", await batches.writer.run(_check))
        tell("telemetry_set_aside", batches.writer.set_aside)
        batches.writer.stop()


DO: Final[dict[str, Callable[[Path, int, Tell], Coroutine[Any, Any, None]]]] = {
    each.__name__: each for each in (alarms, telemetry, stubborn, stranger, read)
}


def _check(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


def _carry_out(order: dict[str, Any], begun: int) -> None:
    # The forge is not the tracer's parent: without this only root may attach where Yama restricts ptrace.
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
    os.close(begun)
    if order["go"] is not None:
        with open(order["go"], "rb"):
            pass
    told = os.open(order["told"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def tell(what: str, value: object) -> None:
        os.write(told, json.dumps([what, value]).encode() + b"\n")

    try:
        asyncio.run(DO[order["do"]](Path(order["folder"]), order["first"], tell))
        tell("end", True)
    except BaseException:  # noqa: BLE001 - a process of its own: whoever reads `told` must learn of it
        tell("raised", traceback.format_exc())


def main() -> None:
    """Fork a process for each order until the input ends."""
    logging.disable()
    for line in sys.stdin:
        order = json.loads(line)
        beginning, begun = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(beginning)
            _carry_out(order, begun)
            os._exit(0)
        os.close(begun)
        os.read(beginning, 1)  # until it may be traced
        os.close(beginning)
        if order["go"] is None:
            os.waitpid(child, 0)
        print(child, flush=True)
        # Those that were killed meanwhile.
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


if __name__ == "__main__":
    main()
