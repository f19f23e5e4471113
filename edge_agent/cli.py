"""`siaga edge`: run the agent, ask how it is, read a line."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class LogForm(StrEnum):
    """How a line of the log looks."""

    TEXT = "text"
    JSON = "json"


class Lang(StrEnum):
    """A language of the words."""

    ID = "id"
    EN = "en"


NamedConfig = Annotated[Path | None, typer.Option("--config", help="The box's configuration, box.toml.")]
BareConfig = Annotated[Path | None, typer.Argument(metavar="[FILE]", hidden=True)]
"""The same without `--config`, as some type it."""

app = typer.Typer(no_args_is_help=True, help="The box at the roadside: run its agent, ask how it is, read a line.")


@app.command(epilog="Example: siaga edge run --config /etc/siaga/box.toml")
def run(
    config: Annotated[Path, typer.Option(help="The box's configuration, box.toml.")],
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    log_format: Annotated[LogForm, typer.Option(help="For people, or one JSON object a line.")] = LogForm.TEXT,
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="For Prometheus, on 127.0.0.1; without it, none.")
    ] = None,
) -> None:
    """Run the agent of this box until it is stopped.

    Prints `ready` once its buttons are watched. A configuration error exits 78 before anything is opened.
    """
    from edge_agent.main import run_agent

    raise typer.Exit(run_agent(config, log_level, log_format.value, metrics_port))


@app.command(epilog="Example: siaga edge status --config /etc/siaga/box.toml --watch")
def status(
    config: Annotated[Path, typer.Option(help="The box's configuration, box.toml.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again each second, until Ctrl-C.")] = False,
    lang: Annotated[Lang | None, typer.Option(help="The language; without it, the terminal's.")] = None,
) -> None:
    """Tell how this box is: faults and what to do, each sensor's last value, presses, lanes, clock, card.

    Keadaan kotak ini: gangguan dan tindakannya, nilai terakhir tiap sensor, penekanan, jalur, jam, kartu.

    The running agent is asked; when none runs, the files are read. Exit status: 0 an agent answered, 3 no agent runs
    (what waits on the card was told), 4 an agent is there but gave no answer, 78 the configuration cannot be used.
    """
    from edge_agent.status_command import run_status

    raise typer.Exit(
        run_status(config, as_json=json, out=sys.stdout, watch=watch, language=None if lang is None else lang.value)
    )


@app.command(epilog="Example: siaga edge press sos --synthetic --config /etc/siaga/box.toml")
def press(
    button: Annotated[str, typer.Argument(help="The button, such as sos.")],
    config: Annotated[Path, typer.Option(help="The box's configuration, box.toml.")],
    synthetic: Annotated[bool, typer.Option("--synthetic", help="Needed: this sends a test, never an alarm.")] = False,
    lang: Annotated[Lang | None, typer.Option(help="The language; without it, the terminal's.")] = None,
    timeout_s: Annotated[float, typer.Option(min=1, max=600, help="How long to wait for the desk.")] = 30.0,
) -> None:
    """Send a test press the whole way to the desk and print each hop; the desk shows it as a test.

    Kirim penekanan uji sampai ke posko dan tampilkan tiap langkah; posko menandainya sebagai uji.

    Exit status: 0 the desk stored it, 1 it did not arrive or was refused, 3 no agent runs, 4 the agent gave no answer,
    78 the configuration cannot be used.
    """
    if not synthetic:
        raise typer.BadParameter("only a test can be sent from here; add --synthetic")
    from edge_agent.trial_commands import run_press

    raise typer.Exit(
        run_press(config, button, out=sys.stdout, language=None if lang is None else lang.value, timeout_s=timeout_s)
    )


@app.command(epilog="Example: siaga edge lamp-test sos --config /etc/siaga/box.toml")
def lamp_test(
    button: Annotated[str, typer.Argument(help="The button whose lamp it is, such as sos.")],
    config: Annotated[Path, typer.Option(help="The box's configuration, box.toml.")],
    lang: Annotated[Lang | None, typer.Option(help="The language; without it, the terminal's.")] = None,
) -> None:
    """Let a button's lamp show each of its patterns for 3 s; a press ends it at once.

    Nyalakan setiap pola lampu tombol selama 3 detik; penekanan langsung menghentikannya.

    Exit status: 0 it is shown, 1 it was refused, 3 no agent runs, 4 the agent gave no answer, 78 the configuration
    cannot be used.
    """
    from edge_agent.trial_commands import run_lamp_test

    raise typer.Exit(run_lamp_test(config, button, out=sys.stdout, language=None if lang is None else lang.value))


@app.command(epilog="Example: siaga edge read serial:///dev/ttyUSB0?baudrate=9600 --driver nmea --json")
def read(
    uri: Annotated[
        str | None, typer.Argument(help="serial:///dev/ttyUSB0?baudrate=9600, tcp://host:port or replay://FILE")
    ] = None,
    driver: Annotated[str | None, typer.Option(help="The driver that decodes the line, such as nmea.")] = None,
    config: Annotated[Path | None, typer.Option(help="In place of a line and a driver: box.toml …")] = None,
    sensor: Annotated[str | None, typer.Option(help="… and a sensor in it.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many readings.")] = None,
) -> None:
    """Read a line and print what the driver makes of it, one reading a line.

    Baca satu jalur dan tampilkan hasil bacaan, satu baris per bacaan.
    """
    if (uri is None) != (driver is None) or (config is None) != (sensor is None) or (uri is None) == (config is None):
        raise typer.BadParameter(
            "give a line and --driver, or --config and --sensor; "
            "siaga edge probe tells what hangs on each serial port, and which driver knows it"
        )
    from edge_agent.read import run_read

    raise typer.Exit(run_read(uri, driver, config=config, sensor=sensor, json_lines=json, limit=limit, out=sys.stdout))


@app.command(epilog="Example: siaga edge new-driver tide-gauge")
def new_driver(
    name: Annotated[str, typer.Argument(help="The driver's name; of a-z, 0-9 and hyphen.")],
    folder: Annotated[Path, typer.Option(help="Where its own folder is made.")] = Path(),
) -> None:
    """Write a package with a driver of your own: it works, its tests pass, and you change it.

    Tulis paket berisi driver sendiri: sudah berjalan, ujinya lulus, tinggal disesuaikan.

    Exit status: 0 written, 1 it cannot be written, 78 the name cannot be used.
    """
    from edge_agent.new_driver import run_new_driver

    raise typer.Exit(run_new_driver(name, folder, out=sys.stdout))


@app.command(epilog="Example: siaga edge check-config --config /etc/siaga/box.toml")
def check_config(
    bare: BareConfig = None,
    config: NamedConfig = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Tell every mistake in a box's configuration; no device and no network is touched.

    Periksa berkas konfigurasi kotak tanpa menyentuh perangkat atau jaringan.

    Exit status: 0 an agent could start with it, 78 it cannot be used.
    """
    from edge_agent.config_check import run_check_config

    raise typer.Exit(run_check_config(_one_of(bare, config), as_json=json, out=sys.stdout))


@app.command(epilog="Example: siaga edge show-config --config /etc/siaga/box.toml")
def show_config(
    bare: BareConfig = None,
    config: NamedConfig = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the configuration that counts, without secrets: the file's or one that was pushed, and since when.

    Tampilkan konfigurasi yang berlaku, asalnya, sejak kapan, dan nasib kiriman terakhir; rahasia disembunyikan.

    Exit status: 0, or 78 when the file cannot be used.
    """
    from edge_agent.config_show import run_show_config

    raise typer.Exit(run_show_config(_one_of(bare, config), as_json=json, out=sys.stdout))


@app.command(epilog="Example: siaga edge probe")
def probe(
    ports: Annotated[
        list[str] | None, typer.Argument(help="Serial ports; without any, every one of this machine.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Listen on the serial ports and tell what is heard, with the table for box.toml to copy. Nothing is sent.

    Dengarkan port serial dan beri tahu apa yang terdengar, berikut tabel box.toml untuk disalin.

    At most 15 s. A port that another process holds is told and not opened. Exit status: 0 a driver knows what comes in
    on a port, 1 none does.
    """
    from edge_agent.probe_command import run_probe

    raise typer.Exit(run_probe(ports or [], as_json=json, out=sys.stdout))


def _one_of(bare: Path | None, named: Path | None) -> Path:
    if (bare is None) == (named is None):
        raise typer.BadParameter("give --config /etc/siaga/box.toml")
    return bare or named or Path()
