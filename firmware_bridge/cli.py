"""`siaga bridge`: ask a board who it is, watch what it tells, try its parts, and put a firmware on it."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import aclosing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from firmware_bridge.link import BoardLink
    from firmware_bridge.words import Language, Text


class Lang(StrEnum):
    """A language of the words."""

    ID = "id"
    EN = "en"


app = typer.Typer(no_args_is_help=True, help="A microcontroller board with buttons, lines, lamps and sirens.")
_EX_UNAVAILABLE: Final = 69
_EX_REFUSED: Final = 65
_ANSWER_S: Final = 10.0


def _path(port: str) -> str:
    """Return a port's path, of a URI as it stands in box.toml too."""
    return port.removeprefix("serial://").partition("?")[0]


Port = Annotated[
    str, typer.Argument(help="The board's port, best by its name under /dev/serial/by-id.", callback=_path)
]
In = Annotated[Lang | None, typer.Option("--lang", help="The language; without it, the terminal's.")]


@app.command(epilog="Example: siaga bridge info /dev/serial/by-id/usb-Arduino__www.arduino.cc__0043_1-if00")
def info(port: Port, lang: In = None) -> None:
    """Tell who a board is and how its buttons and lines are. Stop the agent first: a port has one reader.

    Papan apa ini, dan keadaan tombol serta jalurnya. Hentikan agen dahulu.

    Exit status: 0 it answered, 69 it did not within 10 s; what is wrong was told.
    """
    from firmware_bridge.told_words import how, who
    from firmware_bridge.words import text

    language, link = _language(lang), _link(port)
    if not asyncio.run(_ask(link)):
        raise _unheard(link, language)
    session = link.session
    if session.hello is not None and session.beat is not None:
        typer.echo(who(session.hello).words(language))
        typer.echo(how(session.beat).words(language))
    counted = ", ".join(f"{count} {name}" for name, count in session.counters.most_common())
    typer.echo(text("wire", counted=counted).words(language))


@app.command(epilog="Example: siaga bridge monitor /dev/ttyACM0 --seconds 60")
def monitor(
    port: Port,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="For how long; without it, until Ctrl-C.")] = None,
    lang: In = None,
) -> None:
    """Print what a board tells, a line each. Presses are not acknowledged: they stay the agent's.

    Tampilkan yang dikatakan papan. Penekanan tidak dianggap diterima: tetap milik agen.
    """
    try:
        asyncio.run(_watch(_link(port), seconds, _language(lang)))
    except KeyboardInterrupt:
        return


@app.command(epilog="Example: siaga bridge selftest /dev/ttyACM0 --siren")
def selftest(
    port: Port,
    siren: Annotated[bool, typer.Option(help="Sound each siren for a second, too.")] = False,
    lang: In = None,
) -> None:
    """Try a board: lamps one after the other, lines, the way there and back. Stop the agent first.

    Uji papan: lampu satu per satu, jalur, dan waktu bolak-balik. Hentikan agen dahulu.

    Exit status: 0 all is well, 1 something is not, 69 the board did not answer within 10 s.
    """
    from firmware_bridge.selftest import run_selftest
    from firmware_bridge.words import text

    language, link = _language(lang), _link(port)
    found = asyncio.run(run_selftest(link, siren=siren, answer_s=_ANSWER_S, language=language))
    if not found:
        raise _unheard(link, language)
    for good, told in found:
        typer.echo(f"{text('good' if good else 'bad').words(language):<5} {told.words(language)}")
    if not all(good for good, _ in found):
        raise typer.Exit(1)


@app.command(epilog="Example: siaga bridge flash /dev/ttyACM0 var/firmware/siaga-uno.hex")
def flash(
    port: Port,
    image: Annotated[Path, typer.Argument(help="The firmware as Intel HEX; `make firmware` builds it.")],
    baudrate: Annotated[int, typer.Option(help="The boot loader's; old Nanos have 57600.")] = 115_200,
    older: Annotated[bool, typer.Option("--older", help="Allow a protocol older than the board's.")] = False,
    lang: In = None,
) -> None:
    """Put a firmware on a board, read it back, and ask the board who it is now. Stop the agent first.

    Pasang firmware pada papan, baca kembali, lalu tanya papan itu. Hentikan agen dahulu.

    Exit status: 0 it runs, 65 the image is not for this board, 69 it failed: the state of the board was told.
    """
    from firmware_bridge.flash import FlashError, refusal, write_image
    from firmware_bridge.image import MOST_FILE_BYTES, ImageError, read_image
    from firmware_bridge.told_words import who
    from firmware_bridge.words import text, wrong_words

    language = _language(lang)

    def stop(where: object, why: Text | str, status: int, *, untouched: bool = True) -> typer.Exit:
        """Tell why it ends here; unless the text says otherwise, the board is as it was."""
        if untouched:
            why = text("why and state", why=why, state=text("as it was"))
        typer.echo(f"{where}: {why if isinstance(why, str) else why.words(language)}", err=True)
        return typer.Exit(status)

    def show_progress(phase: str, percent: int) -> None:
        typer.echo(f"\r{text(phase).words(language):<10} [{'#' * (percent // 5):<20}] {percent:3} %", nl=False)

    try:
        with image.open(encoding="ascii", errors="replace") as file:
            found = read_image(file.read(MOST_FILE_BYTES + 1))
    except OSError as error:
        raise stop(image, text("unreadable", why=error.strerror), _EX_REFUSED) from None
    except ImageError as error:
        raise stop(image, error.told, _EX_REFUSED) from None
    asked = _link(port)
    before = asked.session.hello if asyncio.run(_ask(asked, patient=False)) else None
    if (asked.wrong or "").startswith("cannot be opened"):
        # avrdude would write to a port that the agent has.
        raise stop(port, wrong_words(asked.wrong or "", language), _EX_UNAVAILABLE)
    typer.echo(text("now", who=text("no firmware") if before is None else who(before)).words(language))
    why = refusal(found, before)
    if why is not None and not (older and before is not None and found.board == before.board):
        raise stop(port, text("refused", why=why), _EX_REFUSED)
    told = text("writes", firmware=found.firmware, protocol=found.protocol, size=len(found.data))
    typer.echo(told.words(language))
    try:
        asyncio.run(write_image(port, image, found, baudrate=baudrate, progress=show_progress))
    except FlashError as error:
        typer.echo("", err=True)
        raise stop(port, error.told, _EX_UNAVAILABLE, untouched=False) from None
    typer.echo("")
    asked = _link(port)
    after = asked.session.hello if asyncio.run(_ask(asked)) else None
    if after is None or (after.board, after.firmware, after.protocol) != (found.board, found.firmware, found.protocol):
        told = text("no hello") if after is None else text("another", who=who(after))
        raise stop(port, text("written but", told=told, port=port), _EX_UNAVAILABLE, untouched=False)
    typer.echo(text("runs", who=who(after)).words(language))


def _language(lang: Lang | None) -> Language:
    from firmware_bridge.words import default_language

    return default_language() if lang is None else lang.value


def _unheard(link: BoardLink, language: Language) -> typer.Exit:
    """Tell why a board gave no answer."""
    from firmware_bridge.words import text, wrong_words

    no_answer = text("no answer", seconds=f"{_ANSWER_S:g}").words(language)
    typer.echo(f"{link.port}: {no_answer if link.wrong is None else wrong_words(link.wrong, language)}", err=True)
    return typer.Exit(_EX_UNAVAILABLE)


def _link(port: str) -> BoardLink:
    from firmware_bridge.link import BoardLink
    from firmware_bridge.session import Session

    return BoardLink(port, Session(session=secrets.randbelow(2**32 - 1) + 1))


async def _ask(link: BoardLink, *, patient: bool = True) -> bool:
    """Return whether a board answers; not `patient`, a port that cannot be opened is not waited for."""
    try:
        async with asyncio.timeout(_ANSWER_S), aclosing(link.told()) as told:
            async for _ in told:
                if link.session.state == "ready":
                    return True
                if not patient and (link.wrong or "").startswith("cannot be opened"):
                    return False
    except TimeoutError:
        pass
    return False


async def _watch(link: BoardLink, seconds: float | None, language: Language) -> None:
    from firmware_bridge.told_words import told_text
    from firmware_bridge.words import text, wrong_words

    began_ns, wrong = time.monotonic_ns(), None
    try:
        async with asyncio.timeout(seconds), aclosing(link.told()) as told:
            async for some in told:
                now_ns = time.monotonic_ns()
                for each in some:
                    typer.echo(f"{(now_ns - began_ns) / 1e9:9.3f}  {told_text(each, now_ns).words(language)}")
                if link.wrong != wrong:
                    wrong = link.wrong
                    words = text("well again").words(language) if wrong is None else wrong_words(wrong, language)
                    typer.echo(f"{(now_ns - began_ns) / 1e9:9.3f}  {words}")
    except TimeoutError:
        return
