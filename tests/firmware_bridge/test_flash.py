"""Flashing, by the real avrdude: to a boot loader that works, and to those that do not."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from firmware_bridge.flash import MOST_SAID, FlashError, Output, refusal, write_image
from firmware_bridge.image import Image, ImageError, read_image
from firmware_bridge.messages import Hello
from tests.firmware_bridge.bootloader import Fault, boot_loader
from tests.firmware_bridge.simhost import simhost
from tests.firmware_bridge.simulator import built_once

HELLO = Hello(1, "siaga-1.1", "uno-328p", 2, 2, 2, 1, boots=3, reset_cause=2)
STOPPED = """
avrdude: writing 9952 bytes flash ...

Writing | ##------------------------------------------------ | 5% 16.55s

avrdude error: programmer is out of sync
avrdude: verifying flash memory against siaga-uno.hex

Reading | -------------------------------------------------- | 0% 0.00s
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("avr-gcc") is None or shutil.which("avrdude") is None:
        pytest.skip("there is no avr-gcc or no avrdude: scripts/setup.sh test")
    return built_once(tmp_path_factory)


def image_of(built: Path) -> Image:
    return read_image((built / "siaga-uno.hex").read_text())


async def flashed(built: Path, port: str, silent_s: float = 15.0) -> list[tuple[str, int]]:
    steps: list[tuple[str, int]] = []
    path = built / "siaga-uno.hex"

    def step(phase: str, percent: int) -> None:
        steps.append((phase, percent))

    await write_image(port, path, image_of(built), baudrate=115_200, progress=step, silent_s=silent_s)
    return steps


@pytest.mark.slow
async def test_it_is_written_read_back_and_shown(built: Path) -> None:
    with boot_loader(None) as board:
        steps = await flashed(built, board.port)
        data = image_of(built).data
        assert board.flash[: len(data)] == data
        assert {phase for phase, _ in steps} >= {"writing", "verifying", "done"}
        assert steps[-1] == ("done", 100)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("stops", r"nothing was heard for 3 s: it failed at 4 % of writing; the board is half written"),
        ("hangs", r"nothing was heard for 3 s: it failed at 4 % of writing; the board is half written"),
        ("flips", r"what was read back is not what was written.*flash it again"),
        ("deaf", r"its boot loader does not answer.*57600.*; the board is as it was"),
    ],
)
async def test_what_fails_says_in_which_state_the_board_is(built: Path, fault: Fault, words: str) -> None:
    with boot_loader(None, fault=fault) as board:
        with pytest.raises(FlashError, match=words):
            await flashed(built, board.port, 15.0 if fault == "flips" else 3.0)
        assert fault != "deaf" or board.pages == 0


@pytest.mark.slow
async def test_another_chip_is_not_written(built: Path) -> None:
    with boot_loader(None, signature=bytes([0x1E, 0x98, 0x01])) as board:
        with pytest.raises(FlashError, match=r"another chip.*; the board is as it was"):
            await flashed(built, board.port)
        assert board.pages == 0
    with pytest.raises(FlashError, match=r"cannot be opened.*; the board is as it was"):
        await flashed(built, "/dev/ttyNONE")


def bridge(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "siaga.main", "bridge", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
def test_the_command_asks_who_it_is_before_and_after_and_tries_it(built: Path, tmp_path: Path) -> None:
    image = built / "siaga-uno.hex"
    with simhost(built) as simulated, boot_loader(simulated.pty) as board:
        done = bridge("flash", board.port, str(image))
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[0].startswith("now: board uno-328p, firmware siaga-1.1, protocol 1")
        assert lines[-1].startswith("runs: board uno-328p, firmware siaga-1.1, protocol 1")
        assert "[####################] 100 %" in done.stdout
        pages = board.pages

        agent = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(agent, fcntl.LOCK_EX)
        fcntl.ioctl(agent, termios.TIOCEXCL)
        busy = bridge("flash", board.port, str(image))
        assert (busy.returncode, board.pages) == (69, pages)
        assert "cannot be opened" in busy.stderr
        fcntl.ioctl(agent, termios.TIOCNXCL)
        os.close(agent)

        cut = tmp_path / "cut.hex"
        cut.write_text("\n".join(image.read_text().splitlines()[:-1]))
        refused = bridge("flash", board.port, str(cut))
        assert (refused.returncode, board.pages) == (65, pages)
        assert "cut short" in refused.stderr
        assert "the board is as it was" in refused.stderr

        tried = bridge("selftest", board.port)
        assert tried.returncode == 0, tried.stdout + tried.stderr
        assert "ok    line 0: normal" in tried.stdout
        simulated.do("adc 1 5000")
        simulated.obeyed()
        tried = bridge("selftest", board.port)
        assert tried.returncode == 1
        assert "BAD   line 1: open" in tried.stdout


def test_an_avrdude_that_gave_up_asking_opened_the_port() -> None:
    """As 7.1 ends with a board whose boot loader does not answer: its last word is of the port."""
    output = Output()
    for attempt in range(1, 11):
        output.take(
            f"avrdude error: programmer is not responding\n"
            f"avrdude warning: attempt {attempt} of 10: not in sync: resp=0x00\n"
        )
    output.take("avrdude error: unable to open programmer arduino on port /dev/ttyACM0\n")
    assert "its boot loader does not answer" in output.why().words("en")


def test_a_bar_that_broke_off_is_half_a_board_though_avrdude_reads_back() -> None:
    whole, parts = Output(), Output()
    whole.take(STOPPED)
    for character in STOPPED:
        parts.take(character)
    assert whole.why() == parts.why()
    assert whole.why().words("en").startswith("it failed at 4 % of writing; the board is half written")


def test_phases_that_are_said_at_once_are_each_told_and_none_twice() -> None:
    """As a pipe gives them to a busy machine."""
    bar = "#" * 50
    said = f"Writing | {bar} | 100% 2.00s\n\nReading | {bar} | 100% 1.00s\n\navrdude: 9952 bytes of flash verified\n"
    whole, parts = Output(), Output()
    assert whole.take(said) == [("writing", 100), ("verifying", 100), ("done", 100)]
    assert whole.take("\navrdude done.  Thank you.\n") == []
    told = [step for character in said for step in parts.take(character)]
    # The bars begin with nothing, which is a step too.
    bars = [(phase, percent) for phase in ("writing", "verifying") for percent in range(0, 101, 2)]
    assert told == [*bars, ("done", 100)]


def test_an_avrdude_that_shows_the_reading_of_the_signature_has_written_nothing_yet() -> None:
    """As 6.3 does, of Debian 11."""
    output = Output()
    output.take("avrdude: AVR device initialized and ready to accept instructions\n\n")
    output.take("Reading | " + "#" * 50 + " | 100% 0.00s\n\navrdude: Device signature = 0x1e9801\n")
    assert (output.phase, output.percent) == ("asking", 0)
    output.take("avrdude: Expected signature for ATmega328P is 1E 95 0F\n         Double check chip, or use -F.\n")
    assert output.why().words("en") == (
        "it is another chip than the image is for; the board is as it was: nothing was written"
    )


async def test_an_avrdude_that_ends_well_without_having_read_back_has_not_flashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "avrdude"
    program.write_text(f"#!/bin/sh\necho 'Writing | {'#' * 50} | 100% 2.00s'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    image = Image(b"", "uno-328p", "siaga-1.1", 1)
    with pytest.raises(FlashError, match="failed at 100 % of writing; the board is half written"):
        await write_image("/dev/null", tmp_path, image, baudrate=115_200, progress=lambda phase, percent: None)


def test_of_an_avrdude_that_talks_without_end_only_the_last_words_are_kept() -> None:
    output = Output()
    for _ in range(30):
        output.take("avrdude: stk500_getsync(): not in sync " * 100)
    assert len(output.said) == MOST_SAID


@pytest.mark.parametrize(
    ("image", "hello", "words"),
    [
        (Image(b"", "uno-328p", "siaga-1.1", 1), HELLO, None),
        (Image(b"", "uno-328p", "siaga-1.1", 1), None, None),
        (Image(b"", "mega-2560", "siaga-1.1", 1), None, "the image is for a board 'mega-2560'"),
        (
            Image(b"", "uno-328p", "siaga-1.1", 1),
            Hello(1, "siaga-1.1", "nano-168", 2, 2, 2, 1, 1, 1),
            "the board is 'nano-168', and the image is for 'uno-328p'",
        ),
        (
            Image(b"", "uno-328p", "siaga-1.1", 1),
            Hello(2, "siaga-2.0", "uno-328p", 2, 2, 2, 1, 1, 1),
            "the image speaks protocol 1, and the board speaks 2 already",
        ),
    ],
)
def test_which_image_is_refused(image: Image, hello: Hello | None, words: str | None) -> None:
    found = refusal(image, hello)
    assert found is None if words is None else found is not None and found.words("en").startswith(words)


def record(kind: int, address: int, data: bytes) -> str:
    raw = bytes([len(data), *address.to_bytes(2, "big"), kind]) + data
    return ":" + (raw + bytes([-sum(raw) % 256])).hex().upper()


END = record(1, 0, b"")
OURS = record(0, 0, b"siaga-firmware uno-328p siaga-9.9 protocol 7\0")


def test_what_an_image_says_it_is() -> None:
    assert read_image(f"{OURS}\n{END}\n") == Image(
        b"siaga-firmware uno-328p siaga-9.9 protocol 7\0", "uno-328p", "siaga-9.9", 7
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cut short"),
        (OURS, "cut short"),
        (f"{OURS[:-1]}0\n{END}", "damaged"),
        (f"{OURS[:-2]}\n{END}", "damaged"),
        (f"{OURS[1:]}\n{END}", "no Intel HEX"),
        (f"{OURS}\n{record(0, 200, b'x')}\n{END}", "a gap"),
        (f"{END}\n{OURS}", "behind its end"),
        (f"{record(4, 0, bytes([0, 1]))}\n{OURS}\n{END}", "beyond 64 KB"),
        (f"{record(0, 0, b'blink')}\n{END}", "no firmware of Siaga"),
        (f"{record(0, 0, OURS[9:30].encode())}\n{END}", "no firmware of Siaga"),
        ("x" * 200_001, "more than 200000 characters"),
    ],
)
def test_what_is_no_image(text: str, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        read_image(text)
