"""What the pages are put together from, once, when the desk loads: one frame for all but the console and the log-in.

A line `<!-- NAME -->` stands for a part. `head` is what each page begins with, `standing` what stands for the whole
desk. The frame, `pages/frame.html`, has places for a page's own parts: a page's file holds them, each after a line of
its name; one that it does not have is empty. No part is ever made of what came from outside.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from duty_desk.web.files import CONSOLE

_PART: Final = re.compile(r"^<!-- (\w+) -->\n", re.M)
_COMMON: Final = ("head", "standing")


def framed(name: str, folder: Path = CONSOLE / "pages") -> str:
    """Return a page in the frame.

    Args:
        name: Its name: that of its files and its address.
        folder: Where the files are.

    Raises:
        OSError: There is no such page.
        ValueError: The frame has no place for a part of it.
    """
    _, *found = _PART.split((folder / f"{name}.html").read_text(encoding="utf-8"))
    parts = dict(zip(found[::2], found[1::2], strict=True)) | _common()
    frame = (folder / "frame.html").read_text(encoding="utf-8").replace("PAGE", name)
    return filled(frame, parts).replace(f'<a href="/{name}"', f'<a href="/{name}" aria-current="page"')


def unframed(file: str) -> str:
    """Return a page that has a body of its own, with what is common in its places.

    Raises:
        OSError: There is no such file.
    """
    text = (CONSOLE / file).read_text(encoding="utf-8")
    return filled(text, {name: part for name, part in _common().items() if f"<!-- {name} -->" in text})


def filled(text: str, parts: dict[str, str]) -> str:
    """Return a text with parts in their places; a place whose part is missing is left out.

    Raises:
        ValueError: A part has no place.
    """
    lost = parts.keys() - set(_PART.findall(text))
    if lost:
        raise ValueError(f"no place for {', '.join(sorted(lost))}")
    return _PART.sub(lambda place: parts.get(place[1], ""), text)


def _common() -> dict[str, str]:
    return {name: (CONSOLE / f"{name}.html").read_text(encoding="utf-8") for name in _COMMON}
