"""`siaga bell …`: run the bell of the duty room, try it, silence it, ask how it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from duty_desk.bell.settings import Bell

app = typer.Typer(
    no_args_is_help=True,
    help="The bell in the duty room: sounds when the desk is dead. / Bel ruang jaga: berbunyi bila meja mati.",
)

Config = Annotated[Path, typer.Option("--config", help="The bell's configuration file.", show_default=False)]
_ASK_S = 10.0


@app.command(epilog="Example: siaga bell run --config /etc/siaga/bell.toml")
def run(
    config: Config,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the bell until it is told to stop; prints `ready` once it listens."""
    import asyncio
    import logging
    import signal

    bell = _load(config)
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )

    async def work() -> None:
        from duty_desk.bell.service import Service, environment_notifier

        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await Service(bell, environment_notifier()).run(stop, lambda: print("ready", flush=True))

    asyncio.run(work())


@app.command(epilog="Example: siaga bell silence --config /etc/siaga/bell.toml")
def silence(config: Config) -> None:
    """Silence it, as its button does. What stands now is silent; anything else sounds. / Diamkan bel."""
    answer = _ask(config, {"ask": "silence"})
    print("silenced / didiamkan" if answer["silenced"] else "it was silent / bel memang diam")


@app.command("test", epilog="Example: siaga bell test --config /etc/siaga/bell.toml --sms")
def try_it(
    config: Config,
    sms: Annotated[bool, typer.Option("--sms", help="Send its SMS too, marked as a test.")] = False,
) -> None:
    """Let its siren sound for 3 s. / Uji bel 3 detik."""
    _ask(config, {"ask": "test", "sms": sms})
    print("it sounds for 3 s / bel berbunyi 3 detik" + ("; SMS handed over / SMS diserahkan" if sms else ""))


@app.command(epilog="Example: siaga bell status --config /etc/siaga/bell.toml")
def status(
    config: Config,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Tell how it is: what it hears, whether it sounds and why. / Keadaan bel."""
    import json

    from contract.zone import clock_words
    from duty_desk.bell.words import explained

    told = _ask(config, {"ask": "status"})
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
        return
    state = "SOUNDS / BERBUNYI" if told["sounding"] else "silenced / didiamkan" if told["silenced"] else "silent / diam"
    print(f"bell     {state}")
    for lane, connected in told["links"].items():
        late = ", no heartbeat / tanpa denyut" if lane in told["late"] else ""
        print(f"{lane:<10}{'connected / tersambung' if connected else 'no connection / tidak tersambung'}{late}")
    for reason in told["reasons"]:
        print(f"why      {explained(reason)}")
    if last := next((each for each in reversed(told["events"]) if each["what"] == "sounded"), None):
        print(f"sounded  {clock_words(last['at_ns'], _load(config).settings.zone)}, terakhir / last: {last['why']}")
    if told["sounding"]:
        print("next     button, or / tombol, atau: siaga bell silence")
    for fault in told["faults"]:
        print(f"fault    {fault}")
    print(f"heard    {told['presses']} presses / penekanan, {told['tests']} tests / uji")


def _ask(config: Path, request: dict[str, Any]) -> dict[str, Any]:
    from duty_desk.bell.service import SOCKET
    from duty_desk.control import ask

    bell = _load(config)
    try:
        answer = ask(bell.data, request, _ASK_S, SOCKET)
    except (OSError, ValueError) as error:
        answer = {"error": f"no answer: {getattr(error, 'strerror', None) or error}; ask as its user or as root"}
    if answer is None:
        answer = {"error": f"no bell runs on {bell.data}: systemctl start siaga-bell"}
    if "error" in answer:
        print(f"siaga bell: {answer['error']}", file=sys.stderr)
        raise typer.Exit(1)
    return answer


def _load(config: Path) -> Bell:
    from contract.errors import EX_CONFIG, ConfigError
    from duty_desk.bell.settings import load_bell

    try:
        return load_bell(config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None
