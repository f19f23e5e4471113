"""`siaga desk siren test`: lets a box sound for a few seconds, by the running desk, and tells what it made of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Final, NoReturn

import typer

from duty_desk.access.commands import Config, Lang, Language_

siren_app = typer.Typer(no_args_is_help=True, help="Sirens and beacons at boxes.")

NO_DESK: Final = 3
_ANSWER_S: Final = 10.0

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "asking": ("{box}: {what} diuji {seconds} detik …", "{box}: testing the {what} for {seconds} s …"),
    "siren": ("sirene", "siren"),
    "beacon": ("lampu rotari", "beacon"),
    "done": ("{box}: berbunyi ({detail}), dijawab dalam {took} ms", "{box}: it goes ({detail}), answered in {took} ms"),
    "refused": ("{box}: DITOLAK kotak: {detail}", "{box}: REFUSED by the box: {detail}"),
    "expired": ("{box}: TERLAMBAT: {detail}", "{box}: TOO LATE: {detail}"),
    "unknown": ("{box}: TIDAK ADA: {detail}", "{box}: NOT THERE: {detail}"),
    "not commanded": ("{box}: TIDAK ADA JAWABAN: {detail}", "{box}: NO ANSWER: {detail}"),
    "no such box": (
        "{box}: tidak ada di inventaris; lihat berkas inventaris desk.toml",
        "{box}: not in the inventory; see the inventory file of desk.toml",
    ),
    "in use": (
        "ada insiden yang belum dijawab: sirene tidak diuji sekarang",
        "an incident is unanswered: no siren is tested now",
    ),
    "not understood": ("versi posko berbeda; mulai ulang posko", "the desk is of another version; restart it"),
    "no desk": ("posko tidak berjalan; jalankan: siaga desk run", "no desk runs; start it: siaga desk run"),
    "silent": ("posko tidak menjawab: {detail}", "the desk gives no answer: {detail}"),
}
"""Each text as Indonesian, English."""


class Output(StrEnum):
    """What a box can let go."""

    SIREN = "siren"
    BEACON = "beacon"


@siren_app.command("test", epilog="Example: siaga desk siren test --box box-1 --config /etc/siaga/desk.toml")
def sound(
    box: Annotated[str, typer.Option("--box", help="The box, such as box-1.")],
    config: Config,
    output: Annotated[Output, typer.Option(help="Its siren or its beacon.")] = Output.SIREN,
    seconds: Annotated[int, typer.Option(min=1, max=30, help="For how long.")] = 3,
    lang: Language_ = None,
) -> None:
    """Let a box sound for a few seconds. It is heard in the street: warn who is near it. It stands in the ledger.

    Bunyikan sirene kotak beberapa detik. Terdengar di jalan: beri tahu orang di dekatnya. Tercatat di buku posko.

    Exit status: 0 the box did it, 1 it did not, or gave no answer, 3 no desk runs, 78 the configuration cannot be used.
    """
    from contract.errors import EX_CONFIG, ConfigError
    from duty_desk.control import ask
    from duty_desk.settings import load_desk

    say = _speaker(lang)
    try:
        folder = load_desk(config).data
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None
    print(say("asking", box=box, what=say(output.value), seconds=seconds), flush=True)
    request = {"siren_test": {"box": box, "output": output.value, "seconds": seconds}}
    try:
        told = ask(folder, request, _ANSWER_S)
    except (OSError, ValueError) as error:
        _refuse(say("silent", detail=error))
    if told is None:
        _refuse(say("no desk"), NO_DESK)
    outcome = str(told.get("outcome") or told.get("error"))
    if outcome not in TEXTS:
        _refuse(say("not understood"))
    words = say(outcome, box=box, detail=told.get("detail") or "-", took=told.get("took_ms"))
    if outcome != "done":
        _refuse(words)
    print(words)


def _refuse(words: str, status: int = 1) -> NoReturn:
    print(words, file=sys.stderr)
    raise typer.Exit(status)


def _speaker(lang: Lang | None) -> Callable[..., str]:
    from duty_desk.access.words import default_language

    language = default_language() if lang is None else lang.value

    def say(text: str, **values: object) -> str:
        return TEXTS[text][language == "en"].format(**values)

    return say
