"""Puts a firmware on a board by avrdude, and knows in which state the board is when that fails.

| how far it came | the board | what to do |
|---|---|---|
| avrdude is not there, the port cannot be opened | as it was | said with the fault |
| the boot loader does not answer | as it was | reset, baud rate (57600 on old Nanos), port |
| it is another chip | as it was | the image is not for it |
| while erasing and writing | half written: it does not run; its boot loader does | flash again |
| what was read back differs | written wrongly: it may not run, its boot loader does | flash again, by another cable |
| nothing at all is heard for 20 s | by how far it came | the same |
| written, but it says no hello | the firmware does not run, or the line is bad | reset, `siaga bridge info` |

What a board has counted in its EEPROM, its presses, stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from firmware_bridge.errors import WordsError
from firmware_bridge.image import Image
from firmware_bridge.messages import Hello
from firmware_bridge.words import Text, text

SILENT_S: Final = 20.0
MOST_SAID: Final = 20_000
PARTS: Final = {"uno-328p": "m328p"}
"""avrdude's part of each board. Another board is another row here, and another image."""

Phase = Literal["asking", "writing", "verifying", "done"]
Progress = Callable[[Phase, int], None]


class FlashError(WordsError):
    """A board was not flashed; the text says why, in which state the board is, and what to do."""


@dataclass(slots=True)
class Output:
    """What avrdude said so far, and how far it came by that. Pure."""

    said: str = ""
    phase: Phase = "asking"
    percent: int = 0

    def take(self, more: str) -> list[tuple[Phase, int]]:
        """Take more of it; return each phase it came to by that, and how far: several, when they were said at once."""
        self.said = (self.said + more)[-MOST_SAID:]
        before = self.phase, self.percent
        steps: list[tuple[Phase, int]] = []
        # Without a terminal a bar is 50 signs, which come one by one; one that broke off is filled up with dashes, and
        # avrdude reads back all the same.
        for name, bar, missing in re.findall(r"(Reading|Writing) \| ?(#*)(-*)", self.said):
            if name == "Writing":
                steps.append(("writing", 2 * len(bar)))
                if missing:
                    break
            elif steps or self.phase != "asking":
                steps.append(("verifying", 2 * len(bar)))
        if re.search(r"bytes of flash verified", self.said):
            steps.append(("done", 100))
        if steps:
            self.phase, self.percent = steps[-1]
        return [one for one in steps if _order(one) > _order(before)]

    def why(self) -> Text:
        """Return what went wrong, and in which state the board is."""
        said = self.said.lower()
        if self.phase == "asking":
            return text("why and state", why=_why_unheard(said), state=text("untouched"))
        if "mismatch" in said or "verification error" in said or self.phase == "verifying":
            return text("why and state", why=text("read back differs"), state=text("wrongly"))
        return text("why and state", why=text("failed at", percent=self.percent), state=text("half"))


def refusal(image: Image, hello: Hello | None) -> Text | None:
    """Return why an image must not go on the board that says this of itself (None: it said nothing), or None."""
    if image.board not in PARTS:
        return text("unknown board", board=image.board, known=", ".join(PARTS))
    if hello is None:
        return None
    if hello.board != image.board:
        return text("other board", there=hello.board, board=image.board)
    if image.protocol < hello.protocol:
        return text("older", protocol=image.protocol, there=hello.protocol)
    return None


async def write_image(
    port: str, path: Path, image: Image, *, baudrate: int, progress: Progress, silent_s: float = SILENT_S
) -> None:
    """Write an image by avrdude, and let it read it back.

    Args:
        port: The board's port, which nobody else may have open.
        path: The HEX file.
        image: What is in it.
        baudrate: The boot loader's.
        progress: Called with each step, in percent.
        silent_s: After so many seconds without a word of avrdude it is given up.

    Raises:
        FlashError: It is not written, or not known to be right.
    """
    program = shutil.which("avrdude")
    if program is None:
        raise FlashError(text("why and state", why=text("no avrdude"), state=text("untouched")))
    avrdude = await asyncio.create_subprocess_exec(
        *(program, "-c", "arduino", "-p", PARTS[image.board], "-P", port, "-b", str(baudrate), "-D"),
        *("-U", f"flash:w:{path}:i"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, silent = Output(), False
    assert avrdude.stdout is not None
    try:
        while True:
            async with asyncio.timeout(silent_s):
                more = await avrdude.stdout.read(256)
            if not more:
                break
            for phase, percent in output.take(more.decode("utf-8", "replace")):
                progress(phase, percent)
        code = await avrdude.wait()
    except TimeoutError:
        silent, code = True, 1
    finally:
        with contextlib.suppress(ProcessLookupError):
            avrdude.kill()
        await avrdude.wait()
    if code or output.phase != "done":
        why = output.why()
        raise FlashError(text("silent for", seconds=f"{silent_s:g}", why=why) if silent else why)


def _order(step: tuple[Phase, int]) -> tuple[int, int]:
    return get_args(Phase).index(step[0]), step[1]


def _why_unheard(said: str) -> Text:
    if "signature" in said and ("expected" in said or "double check" in said):
        return text("other chip")
    if "not in sync" in said or "not responding" in said:
        return text("no boot loader")  # avrdude says at its end that it could not open the port, whatever it was
    if "can't open device" in said or "cannot open port" in said or "unable to open" in said:
        return text("no port")
    return text("no boot loader")
