"""Clocks and files with which the authority signs nothing: it says so in a line, and leaves all as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioning.authority import Authority
from provisioning.authority_rotation import begin_rotation
from provisioning.errors import (
    ClockError,
    ExistsError,
    KeyFileError,
    NameRefusedError,
    ProvisioningError,
    RefusedError,
    RevokedError,
    UnusableError,
)
from tests.provisioning.city import City, contents


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path / "ca")


@pytest.mark.parametrize("now", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)])
def test_a_clock_that_is_lost_signs_nothing(city: City, tmp_path: Path, now: datetime) -> None:
    city.authority.issue_device("box-1")
    before = contents(city.folder)
    city.now = now
    attempts: list[Callable[[], object]] = [
        lambda: city.authority.issue_device("box-2"),
        lambda: city.authority.issue_broker("alarm", ["127.0.0.1"]),
        lambda: city.authority.renew("box-1"),
        lambda: city.authority.renew_issuing(),
        lambda: begin_rotation(city.authority),
        lambda: Authority.init(tmp_path / "new", clock=lambda: city.now),
    ]
    for attempt in attempts:
        with pytest.raises(ClockError, match=f"clock says {now:%Y-%m-%d} .*; set the clock: timedatectl"):
            attempt()
    assert contents(city.folder) == before
    assert not (tmp_path / "new").exists()


def test_a_clock_behind_the_last_certificate_signs_nothing(city: City) -> None:
    city.later(100)
    city.authority.issue_device("box-1")
    city.later(-0.5)
    city.authority.issue_device("box-2")  # half a day may be
    city.later(-1)
    with pytest.raises(ClockError, match=r"clock says 2026-09-08 .* but a certificate was signed at 2026-09-09 12:00"):
        city.authority.issue_device("box-3")


def test_a_folder_that_is_open_to_others_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    with pytest.raises(UnusableError, match=f"open to others; run: chmod 700 {folder}"):
        Authority.init(folder)
    assert contents(folder) == {}


def _swap(folder: Path, first: str, second: str) -> None:
    one, other = (folder / first).read_bytes(), (folder / second).read_bytes()
    (folder / first).write_bytes(other)
    (folder / second).write_bytes(one)


_DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    (
        lambda at: (at / "issuing.key").write_bytes((at / "issuing.key").read_bytes()[:99]),
        "issuing.key: no usable",
    ),
    (
        lambda at: (at / "issuing.pem").write_bytes((at / "issuing.pem").read_bytes()[:99]),
        "issuing.pem: no usable",
    ),
    (lambda at: (at / "root.pem").write_bytes(b""), "root.pem: no usable certificate"),
    (lambda at: _swap(at, "issuing.key", "issuing.pem"), "swapped"),
    (lambda at: _swap(at, "issuing.key", "root.key"), "issuing.key: the key does not belong to the certificate"),
    (lambda at: _swap(at, "issuing.pem", "root.pem"), "the key does not belong to the certificate"),
    (
        lambda at: _swap(at, "devices/box-1/box-1.pem", "devices/box-2/box-2.pem"),
        "box-1.pem: not a certificate of box-1",
    ),
    (lambda at: _swap(at, "devices/box-1/box-1.key", "devices/box-2/box-2.key"), "box-1.key: the key does not belong"),
    (lambda at: _swap(at, "devices/box-1/box-1.key", "devices/box-1/box-1.pem"), "swapped"),
    (lambda at: (at / "devices/box-1/box-1.pem").unlink(), "box-1.pem: no such file"),
    (lambda at: (at / "authority.json").write_bytes(b"{"), "authority.json: damaged register"),
    (lambda at: (at / "authority.json").write_bytes(b'{"format":2}'), "authority.json: damaged register (format: "),
    (lambda at: (at / "authority.json").unlink(), "no authority here; make one: siaga provision ca init"),
]


@pytest.mark.parametrize(("damage", "told"), _DAMAGES)
def test_damaged_files_are_told_in_a_line_and_nothing_is_written(
    city: City, damage: Callable[[Path], object], told: str
) -> None:
    city.authority.issue_devices(["box-1", "box-2"])
    damage(city.folder)
    before = contents(city.folder)
    with pytest.raises(UnusableError) as error:
        city.authority.renew("box-1")
    assert told in str(error.value)
    assert "; " in str(error.value)
    assert str(error.value).isprintable()
    assert contents(city.folder) == before


def test_there_is_no_authority_in_an_empty_or_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(UnusableError, match="no authority here; make one: siaga provision ca init"):
        Authority.open(tmp_path)
    with pytest.raises(UnusableError, match="no such file or directory"):
        Authority.open(tmp_path / "none")
    assert contents(tmp_path) == {}


_AS_NOBODY = """
import os, sys
from pathlib import Path
from contract import signed, messages
from provisioning.authority import Authority
from provisioning.errors import UnusableError
os.setgid(65534), os.setuid(65534)
for attempt in (Authority.open, Authority.init):
    try:
        attempt(Path(sys.argv[1]))
    except UnusableError as error:
        print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_else_is_told_in_a_line(city: City) -> None:
    command = [sys.executable, "-c", _AS_NOBODY, str(city.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all("permission denied; run this as the user who owns it" in line for line in lines)


def test_every_error_has_its_exit_status() -> None:
    assert {kind.exit_code for kind in (UnusableError, KeyFileError)} == {78}
    assert {kind.exit_code for kind in (RefusedError, ExistsError, NameRefusedError, RevokedError, ClockError)} == {1}
    assert str(ProvisioningError("a\nb", "c\x1bd")) == "a\\nb; c\\x1bd"
