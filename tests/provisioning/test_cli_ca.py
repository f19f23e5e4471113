"""`siaga provision ca` as a user meets it: what it prints, how it exits, and that it never shows a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from provisioning.authority import Authority
from provisioning.cli import app
from tests.provisioning.city import contents

_GROUPS = {"ca", "issue", "renew", "rotate"}


def run(*arguments: str | Path, status: int = 0) -> str:
    """Return what a command prints, on stdout when it succeeds and else on stderr, which must be one line."""
    done = CliRunner().invoke(app, [str(each) for each in arguments], prog_name="siaga provision")
    assert done.exit_code == status, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    if status in (1, 78) and done.stderr:
        assert done.stderr.startswith("siaga provision: ")
        assert done.stderr.count("\n") == 1
        return done.stderr.removeprefix("siaga provision: ").rstrip()
    assert done.stderr == "" or status == 2
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "ca"
    run("ca", "init", "--folder", folder)
    return folder


def test_the_way_of_an_authority(folder: Path) -> None:
    told = run("ca", "issue", "device", "box-1", "box-2", "--folder", folder)
    assert told.splitlines()[0].startswith(f"device box-1: {folder}/devices/box-1/box-1.pem until 20")
    assert "brokers/alarm/broker.pem" in run(
        "ca", "issue", "broker", "alarm", "--host", "127.0.0.1", "--host", "a.example", "--folder", folder
    )
    told = run("ca", "renew", "device", "box-1", "--new-key", "--folder", folder)
    assert told.startswith("device box-1: ")
    assert run("ca", "renew", "broker", "alarm", "--folder", folder).startswith("broker alarm: ")
    assert "stays valid" in run("ca", "renew", "issuing", "--folder", folder)
    shown = run("ca", "show", "--check", "--folder", folder)
    assert "its key is here" in shown
    assert shown.endswith("nothing has to be done\n")
    assert "4. siaga provision ca rotate finish" in run("ca", "rotate", "begin", "--folder", folder)
    shown = run("ca", "show", "--check", "--folder", folder, status=1)
    assert "3 still signed by the old authority" in shown
    assert "! device box-2: signed by the old authority" in shown
    assert run("ca", "rotate", "finish", "--folder", folder, status=1).startswith("3 still signed by the old authority")
    assert run("ca", "renew", "device", "--due", "--folder", folder).count("\n") == 2
    run("ca", "renew", "broker", "alarm", "--folder", folder)
    assert "once more" in run("ca", "rotate", "finish", "--folder", folder)
    found = json.loads(run("ca", "show", "--json", "--check", "--folder", folder))
    assert [each["name"] for each in found["certificates"]] == ["alarm", "box-1", "box-2"]
    assert found["warnings"] == []


def test_a_pass_phrase_comes_from_a_private_file(tmp_path: Path) -> None:
    folder, phrase, wrong = tmp_path / "ca", tmp_path / "phrase", tmp_path / "wrong"
    for path, text in ((phrase, "correct horse\nnotes"), (wrong, "wrong\r\n")):
        path.write_text(text)
        path.chmod(0o600)
    run("ca", "init", "--folder", folder, "--pass-phrase-file", phrase)
    renew = ("ca", "renew", "issuing", "--folder", folder)
    assert "give --pass-phrase-file FILE" in run(*renew, status=78)
    assert "the pass phrase does not open it" in run(*renew, "--pass-phrase-file", wrong, status=78)
    run(*renew, "--pass-phrase-file", phrase)
    phrase.chmod(0o644)
    assert f"run: chmod 600 {phrase}" in run(*renew, "--pass-phrase-file", phrase, status=78)
    phrase.write_text("\nsecond line")
    phrase.chmod(0o600)
    assert "its first line is empty" in run(*renew, "--pass-phrase-file", phrase, status=78)
    assert "no such file" in run(*renew, "--pass-phrase-file", tmp_path / "none", status=78)


def test_what_is_refused_exits_1_and_what_must_be_mended_78(folder: Path, tmp_path: Path) -> None:
    run("ca", "issue", "device", "box-1", "--folder", folder)
    before = contents(folder)
    here = ("--folder", folder)
    refused: list[tuple[str, ...]] = [
        ("ca", "init"),
        ("ca", "issue", "device", "box-1"),
        ("ca", "issue", "device", "box/1"),
        ("ca", "issue", "device", "*"),
        ("ca", "issue", "device", "#"),
        ("ca", "issue", "device", "a" * 300),
        ("ca", "issue", "device", "box-2", "--days", "1"),
        ("ca", "issue", "broker", "both", "--host", "127.0.0.1"),
        ("ca", "issue", "broker", "alarm", "--host", "*.example"),
        ("ca", "renew", "device", "box-9"),
        ("ca", "renew", "device"),
        ("ca", "renew", "device", "box-1", "--due"),
        ("ca", "renew", "broker", "alarm"),
        ("ca", "rotate", "finish"),
    ]
    for command in refused:
        assert "; " in run(*command, *here, status=1), command
    assert contents(folder) == before
    for other in (tmp_path, tmp_path / "none", folder / "root.pem"):
        assert "; " in run("ca", "show", "--folder", other, status=78)
    (folder / "issuing.key").chmod(0o644)
    told = run("ca", "issue", "device", "box-2", *here, status=78)
    assert told.endswith(f"run: chmod 600 {folder}/issuing.key")


def test_force_overwrites_and_nothing_else_does(folder: Path) -> None:
    run("ca", "issue", "device", "box-1", "--folder", folder)
    before = (folder / "devices/box-1/box-1.key").read_bytes()
    run("ca", "issue", "device", "box-1", "--force", "--folder", folder)
    assert (folder / "devices/box-1/box-1.key").read_bytes() != before
    run("ca", "init", "--force", "--folder", folder)
    assert Authority.open(folder).register.certificates == ()


@pytest.mark.slow
@pytest.mark.parametrize("when", ["1970-01-01 00:00:10", "2025-06-01 00:00:00"])
def test_a_lost_clock_is_told_and_nothing_is_signed(folder: Path, when: str) -> None:
    code = "import datetime as d, sys\nfrom provisioning import authority\n"
    code += "now = d.datetime.fromisoformat(sys.argv.pop(1)).replace(tzinfo=d.UTC)\n"
    code += "authority.Authority.open.__func__.__kwdefaults__['clock'] = lambda: now\n"
    code += "from provisioning.cli import app\napp()"
    command = [sys.executable, "-c", code, when, "ca", "issue", "device", "box-1", "--folder", str(folder)]
    before = contents(folder)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"siaga provision: this machine's clock says {when[:16]}, which cannot be; set the clock"
    )
    assert done.stderr.count("\n") == 1
    assert contents(folder) == before


@pytest.mark.slow
def test_a_full_disk_is_told_and_nothing_is_half_written(folder: Path) -> None:
    before = contents(folder)
    command = f"ulimit -f 1; exec {sys.executable} -m siaga.main provision ca issue device "
    command += " ".join(f"box-{number}" for number in range(50)) + f" --folder {folder}"
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=False, timeout=20, env=environment
    )
    assert done.returncode == 78, done.stderr
    assert done.stderr.endswith("file too large; nothing was half written; mend it and run the same again\n")
    assert contents(folder) == before


def _commands(group: typer.Typer, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [
        (*path, each.name or each.callback.__name__.replace("_", "-"))
        for each in group.registered_commands
        if each.callback
    ]
    for below in group.registered_groups:
        if below.typer_instance is not None and below.name in _GROUPS:
            found += _commands(below.typer_instance, (*path, below.name))
    return found


@pytest.mark.parametrize("command", _commands(app), ids=" ".join)
def test_each_command_has_an_example_of_itself(command: tuple[str, ...]) -> None:
    told = " ".join(run(*command, "--help").split())
    assert f"Example: siaga provision {' '.join(command)}" in told
