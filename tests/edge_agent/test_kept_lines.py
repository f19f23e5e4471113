"""A button's line outlives the agent: given to systemd, or left to the program that takes the agent's place.

Descriptors of pipes stand for those of lines; systemd is the socket that it would listen on.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.kept_lines import KeptLines, inherited, line_name, line_names
from link.notify import Notifier
from pins.uri import GpioLine, parse_button_uri

LINE = "button-gpiochip0-17-low-pull-up-20"


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


@pytest.fixture
def notifier(tmp_path: Path, systemd: socket.socket) -> Iterator[Notifier]:
    with closing(Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})) as notifier:
        yield notifier


def told(systemd: socket.socket) -> tuple[str, list[int]]:
    data, files, _, _ = socket.recv_fds(systemd, 4_096, 4)
    return data.decode(), files


def is_read(writable: int) -> bool:
    """Return whether anybody has the other end of a pipe."""
    try:
        os.write(writable, b"!")
    except BrokenPipeError:
        return False
    return True


def test_a_name_says_all_that_a_line_is_requested_with() -> None:
    line = parse_button_uri("gpio://gpiochip0/17?active=low&bias=pull-up")
    assert isinstance(line, GpioLine)
    assert line_name(line) == LINE
    assert line_names(["gpio://gpiochip0/17?active=low&bias=pull-up", "sim:///run/b.sock?line=sos", "board:///x"]) == {
        LINE
    }
    others = ["gpio://gpiochip1/17", "gpio://gpiochip1/18", "gpio://gpiochip1/17?active=low"]
    assert len(line_names([*others, "gpio://gpiochip1/17?bias=pull-up", "gpio://gpiochip1/17?debounce_ms=5"])) == 5


def test_systemd_has_a_line_until_it_is_lost(systemd: socket.socket, notifier: Notifier) -> None:
    readable, writable = os.pipe()
    with closing(KeptLines(notifier)) as kept:
        kept.keep(LINE, readable)
        assert told(systemd) == (f"FDSTOREREMOVE=1\nFDNAME={LINE}", [])
        text, [stored] = told(systemd)
        assert text == f"FDSTORE=1\nFDNAME={LINE}"
        os.write(writable, b"edge")
        assert os.read(stored, 4) == b"edge"
        kept.lost(LINE)
        assert told(systemd) == (f"FDSTOREREMOVE=1\nFDNAME={LINE}", [])
    for file in (readable, writable, stored):
        os.close(file)


def test_a_line_that_is_found_is_taken_once_and_one_that_nobody_wants_is_let_go(
    systemd: socket.socket, notifier: Notifier
) -> None:
    (wanted, one), (again, two), (other, three) = os.pipe(), os.pipe(), os.pipe()
    found = [(LINE, wanted), (LINE, again), ("button-gpiochip0-17-low-as-is-20", other)]
    with closing(KeptLines(notifier, found, {LINE})) as kept:
        assert [is_read(writable) for writable in (one, two, three)] == [True, False, False]
        assert told(systemd) == ("FDSTOREREMOVE=1\nFDNAME=button-gpiochip0-17-low-as-is-20", [])
        assert kept.take(LINE) == wanted
        assert kept.take(LINE) is None
    for file in (wanted, one, two, three):
        os.close(file)


def test_what_was_not_meant_for_this_process_is_not_taken() -> None:
    environ = {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1", "LISTEN_FDNAMES": LINE, "HOME": "/"}
    assert inherited(environ) == []
    assert environ == {"HOME": "/"}
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many", "SIAGA_KEPT_LINES": f"{LINE}=4000:{LINE}=x:="}
    assert inherited(environ) == []


_NEXT = """
import os
from edge_agent.kept_lines import KeptLines, inherited
from link.notify import Notifier
name = %r
kept = KeptLines(Notifier(os.environ), inherited(os.environ), {name})
print(os.read(kept.take(name), 9).decode(), sorted(key for key in os.environ if "LISTEN" in key or "KEPT" in key))
"""


@pytest.mark.slow
def test_what_came_meanwhile_is_read_by_the_next_process_that_systemd_starts() -> None:
    readable, writable = os.pipe()
    os.write(writable, b"meanwhile")
    start = f'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES={LINE} exec "$0" -c "$1" 3<&{readable}'
    command = ["bash", "-c", start, sys.executable, _NEXT % LINE]
    ended = subprocess.run(command, pass_fds=[readable], capture_output=True, text=True, timeout=20, check=False)
    assert ended.stdout == "meanwhile []\n", ended.stderr
    os.close(readable)
    os.close(writable)


_AGAIN = """
import os, sys
from edge_agent.kept_lines import KeptLines
from link.notify import Notifier
readable, writable = os.pipe()
kept = KeptLines(Notifier({}))
kept.keep(%r, readable)
os.write(writable, b"meanwhile")
os.close(readable)
kept.hand_over(os.environ)
os.execv(sys.executable, [sys.executable, "-c", %r])
"""


@pytest.mark.slow
def test_what_came_meanwhile_is_read_by_the_program_that_takes_this_ones_place() -> None:
    command = [sys.executable, "-c", _AGAIN % (LINE, _NEXT % LINE)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ended.stdout == "meanwhile []\n", ended.stderr
