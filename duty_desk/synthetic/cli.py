"""`siaga desk synthetic press`: sends a test press from a box by the running desk, and says where it got to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Final, NoReturn

import typer

from duty_desk.access.commands import Config, Lang, Language_

synthetic_app = typer.Typer(no_args_is_help=True, help="Test presses, which no officer sees.")

NO_DESK: Final = 3
_ANSWER_S: Final = 5.0
_RESULT_S: Final = 45.0
"""A test takes 10 s, and may wait for those before it."""
_LOOK_S: Final = 0.25

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "asking": ("{box}: penekanan uji …", "{box}: a test press …"),
    "command": ("kotak menjawab", "the box answered"),
    "alarm": ("tiba lewat broker alarm", "came by the alarm broker"),
    "telemetry": ("tiba lewat broker telemetri", "came by the telemetry broker"),
    "store": ("tersimpan", "stored"),
    "receipt": ("kotak menerima tanda terima", "the box has its receipt"),
    "not": ("TIDAK", "NOT"),
    "good": ("{box}/{button}: baik", "{box}/{button}: good"),
    "late": ("{box}/{button}: TERLAMBAT, lebih dari 5 s", "{box}/{button}: TOO LATE, after more than 5 s"),
    "broken": ("{box}/{button}: PUTUS {detail}", "{box}/{button}: BROKEN {detail}"),
    "refused": ("{box}/{button}: tidak diuji: {detail}", "{box}/{button}: not tested: {detail}"),
    "no such box": (
        "{box}: tidak ada di inventaris, atau tanpa tombol",
        "{box}: not in the inventory, or without a button",
    ),
    "no such button": ("{box}: tombolnya: {detail}", "{box}: its buttons: {detail}"),
    "in use": (
        "{box}: ada insiden dari kotak ini; lampunya tidak diganggu",
        "{box}: it has an incident; its lamp is left alone",
    ),
    "busy": ("sudah banyak uji yang menunggu; coba lagi nanti", "many tests wait already; try again later"),
    "no key": ("posko tidak punya kunci perintah: {detail}", "the desk has no command key: {detail}"),
    "not understood": ("versi posko berbeda; mulai ulang posko", "the desk is of another version; restart it"),
    "no desk": ("posko tidak berjalan; jalankan: siaga desk run", "no desk runs; start it: siaga desk run"),
    "silent": ("posko tidak menjawab: {detail}", "the desk gives no answer: {detail}"),
}
"""Each text as Indonesian, English."""


@synthetic_app.command("press", epilog="Example: siaga desk synthetic press --box box-1 --config /etc/siaga/desk.toml")
def press(
    box: Annotated[str, typer.Option("--box", help="The box, such as box-1.")],
    config: Config,
    button: Annotated[str | None, typer.Option(help="Its button; else its first.")] = None,
    lang: Language_ = None,
) -> None:
    """Let a box make a press that is marked as a test, and tell each hop of its way. Nobody is called by it.

    Kotak membuat penekanan bertanda uji; setiap langkahnya ditampilkan. Tidak ada petugas yang dipanggil.

    Exit status: 0 every hop was passed, 1 one was not or it could not be tested, 3 no desk runs, 78 the configuration
    cannot be used.
    """
    from contract.errors import EX_CONFIG, ConfigError
    from duty_desk.control import ask
    from duty_desk.settings import load_desk
    from duty_desk.synthetic.trial import HOPS

    say, number = _speaker(lang), 0
    try:
        folder = load_desk(config).data
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None
    print(say("asking", box=box), flush=True)
    try:
        told = ask(folder, {"synthetic_press": {"box": box, "button": button}}, _ANSWER_S)
        until_s = time.monotonic() + _RESULT_S
        while told is not None and ("begun" in told or "waiting" in told) and time.monotonic() < until_s:
            number = told.get("begun", number)
            time.sleep(_LOOK_S)
            told = ask(folder, {"synthetic_result": number}, _ANSWER_S)
    except (OSError, ValueError) as error:
        _refuse(say("silent", detail=error))
    if told is None:
        _refuse(say("no desk"), NO_DESK)
    outcome = str(told.get("outcome") or told.get("error"))
    if outcome not in TEXTS:
        _refuse(say("not understood"))
    passed, missing = told.get("ms", {}), told.get("missing", [])
    for hop in HOPS:
        if hop in passed:
            print(f"{passed[hop]:8.0f} ms  {say(hop)}")
        elif hop in missing:
            print(f"{say('not'):>11}  {say(hop)}")
    words = say(outcome, box=box, button=told.get("button", "-"), detail=told.get("detail") or "")
    if outcome != "good":
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
