"""`siaga bridge`: ask a board who it is, watch what it tells, try its parts, and put a firmware on it."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from firmware_bridge.link import BoardLink
    from firmware_bridge.messages import Beat, Hello
    from firmware_bridge.session import Told

app = typer.Typer(no_args_is_help=True, help="A microcontroller board with buttons, lines, lamps and sirens.")
_EX_UNAVAILABLE: Final = 69
_EX_REFUSED: Final = 65
_ANSWER_S: Final = 10.0

Port = Annotated[str, typer.Argument(help="The board's port, best by its name under /dev/serial/by-id.")]


@app.command(epilog="Example: siaga bridge info /dev/serial/by-id/usb-Arduino__www.arduino.cc__0043_1-if00")
def info(port: Port) -> None:
    """Tell who a board is and how its buttons and lines are. Stop the agent first: a port has one reader.

    Papan apa ini, dan keadaan tombol serta jalurnya. Hentikan agen dahulu.

    Exit status: 0 it answered, 69 it did not within 10 s; what is wrong was told.
    """
    link = _link(port)
    if not asyncio.run(_ask(link)):
        typer.echo(f"{port}: {link.wrong or 'no answer within 10 s'}", err=True)
        raise typer.Exit(_EX_UNAVAILABLE)
    session = link.session
    if session.hello is not None and session.beat is not None:
        typer.echo(_who(session.hello))
        typer.echo(_how(session.beat))
    counted = ", ".join(f"{count} {name}" for name, count in session.counters.most_common())
    typer.echo(f"wire: {counted}")


@app.command(epilog="Example: siaga bridge monitor /dev/ttyACM0 --seconds 60")
def monitor(
    port: Port,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="For how long; without it, until Ctrl-C.")] = None,
) -> None:
    """Print what a board tells, a line each. Presses are not acknowledged: they stay the agent's.

    Tampilkan yang dikatakan papan. Penekanan tidak dianggap diterima: tetap milik agen.
    """
    try:
        asyncio.run(_watch(_link(port), seconds))
    except KeyboardInterrupt:
        return


@app.command(epilog="Example: siaga bridge selftest /dev/ttyACM0 --siren")
def selftest(
    port: Port,
    siren: Annotated[bool, typer.Option(help="Sound each siren for a second, too.")] = False,
) -> None:
    """Try a board: lamps one after the other, lines, the way there and back. Stop the agent first.

    Uji papan: lampu satu per satu, jalur, dan waktu bolak-balik. Hentikan agen dahulu.

    Exit status: 0 all is well, 1 something is not, 69 the board did not answer within 10 s.
    """
    from firmware_bridge.selftest import run_selftest

    link = _link(port)
    found = asyncio.run(run_selftest(link, siren=siren, answer_s=_ANSWER_S))
    if not found:
        typer.echo(f"{port}: {link.wrong or 'no answer within 10 s'}", err=True)
        raise typer.Exit(_EX_UNAVAILABLE)
    for good, words in found:
        typer.echo(f"{'ok  ' if good else 'BAD '}  {words}")
    if not all(good for good, _ in found):
        raise typer.Exit(1)


@app.command(epilog="Example: siaga bridge flash /dev/ttyACM0 var/firmware/siaga-uno.hex")
def flash(
    port: Port,
    image: Annotated[Path, typer.Argument(help="The firmware as Intel HEX; `make firmware` builds it.")],
    baudrate: Annotated[int, typer.Option(help="The boot loader's; old Nanos have 57600.")] = 115_200,
    older: Annotated[bool, typer.Option("--older", help="Allow a protocol older than the board's.")] = False,
) -> None:
    """Put a firmware on a board, read it back, and ask the board who it is now. Stop the agent first.

    Pasang firmware pada papan, baca kembali, lalu tanya papan itu. Hentikan agen dahulu.

    Exit status: 0 it runs, 65 the image is not for this board, 69 it failed: the state of the board was told.
    """
    from firmware_bridge.flash import FlashError, refusal, write_image
    from firmware_bridge.image import MOST_FILE_BYTES, ImageError, read_image

    try:
        with image.open(encoding="ascii", errors="replace") as file:
            found = read_image(file.read(MOST_FILE_BYTES + 1))
    except (OSError, ImageError) as error:
        typer.echo(f"{image}: {error}; the board is as it was", err=True)
        raise typer.Exit(_EX_REFUSED) from None
    asked = _link(port)
    before = asked.session.hello if asyncio.run(_ask(asked)) else None
    if (asked.wrong or "").startswith("cannot be opened"):
        # avrdude would write to a port that the agent has.
        typer.echo(f"{port}: {asked.wrong}; the board is as it was", err=True)
        raise typer.Exit(_EX_UNAVAILABLE)
    typer.echo(f"now: {'no firmware of Siaga answers' if before is None else _who(before)}")
    why = refusal(found, before)
    if why is not None and not (older and before is not None and found.board == before.board):
        typer.echo(f"{port}: refused: {why}; the board is as it was", err=True)
        raise typer.Exit(_EX_REFUSED)
    typer.echo(f"writing {found.firmware}, protocol {found.protocol}, {len(found.data)} bytes")
    try:
        asyncio.run(write_image(port, image, found, baudrate=baudrate, progress=_show_progress))
    except FlashError as error:
        typer.echo(f"\n{port}: {error}", err=True)
        raise typer.Exit(_EX_UNAVAILABLE) from None
    typer.echo("")
    asked = _link(port)
    after = asked.session.hello if asyncio.run(_ask(asked)) else None
    if after is None or (after.board, after.firmware, after.protocol) != (found.board, found.firmware, found.protocol):
        told = "it says no hello" if after is None else f"it says it is {_who(after)}"
        typer.echo(
            f"{port}: written and read back, but {told}; press its reset, then: siaga bridge info {port}", err=True
        )
        raise typer.Exit(_EX_UNAVAILABLE)
    typer.echo(f"runs: {_who(after)}")


def _show_progress(phase: str, percent: int) -> None:
    typer.echo(f"\r{phase:<10} [{'#' * (percent // 5):<20}] {percent:3} %", nl=False)


def _link(port: str) -> BoardLink:
    from firmware_bridge.link import BoardLink
    from firmware_bridge.session import Session

    return BoardLink(port, Session(session=secrets.randbelow(2**32 - 1) + 1))


async def _ask(link: BoardLink) -> bool:
    try:
        async with asyncio.timeout(_ANSWER_S), aclosing(link.told()) as told:
            async for _ in told:
                if link.session.state == "ready":
                    return True
    except TimeoutError:
        pass
    return False


async def _watch(link: BoardLink, seconds: float | None) -> None:
    began_ns, wrong = time.monotonic_ns(), None
    try:
        async with asyncio.timeout(seconds), aclosing(link.told()) as told:
            async for some in told:
                now_ns = time.monotonic_ns()
                for each in some:
                    typer.echo(f"{(now_ns - began_ns) / 1e9:9.3f}  {_words(each, now_ns)}")
                if link.wrong != wrong:
                    wrong = link.wrong
                    typer.echo(f"{(now_ns - began_ns) / 1e9:9.3f}  {'well again' if wrong is None else wrong}")
    except TimeoutError:
        return


def _words(told: Told, now_ns: int) -> str:
    from firmware_bridge.messages import UNKNOWN_BUTTON, Beat, EventKind, Hello, LineClass
    from firmware_bridge.told import Happened

    match told:
        case Hello():
            return _who(told)
        case Beat():
            return _how(told)
        case Happened():
            part = "an unknown button" if told.index == UNKNOWN_BUTTON else f"{told.index}"
            value = LineClass(told.value).name.lower() if told.kind is EventKind.LINE else f"{told.value}"
            when = "at an unknown moment"
            if told.happened_ns is not None and told.error_ns is not None:
                when = f"{(now_ns - told.happened_ns) / 1e6:.0f} ms ago ±{told.error_ns / 1e6:.0f}"
            return f"{told.kind.name.lower()} {part}: {value}, number {told.number}, {when}"
    return f"answer to command {told.id}: {told.result}"


def _who(hello: Hello) -> str:
    parts = f"{hello.buttons} buttons, {hello.lines} lines, {hello.lamps} lamps, {hello.sirens} sirens"
    start = f"start {hello.boots}, reset cause {hello.reset_cause}"
    return f"board {hello.board}, firmware {hello.firmware}, protocol {hello.protocol}: {parts}; {start}"


def _how(beat: Beat) -> str:
    lines = ", ".join(each.name.lower() for each in beat.lines)
    down = [str(bit) for bit in range(32) if beat.buttons >> bit & 1]
    return (
        f"up {beat.board_ms / 1000:.0f} s, lines {lines or 'none'}, buttons down {', '.join(down) or 'none'}, "
        f"{beat.presses} presses ever, {beat.waiting} events wait"
    )
