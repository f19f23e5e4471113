"""What is wrong with a roster, in words that say what to do. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from duty_desk.duty.words import Language, say

MAX_FINDINGS: Final = 50
"""Told at once; who mends these comes to the others."""

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake, or what may be one. `line` is None where it is of no line; `values` fill the words of `code`."""

    level: Level
    code: str
    line: int | None = None
    old: bool = False
    values: dict[str, object] = field(default_factory=dict)

    def told(self, file: str, language: Language) -> str:
        """Return it in a language, after the file and the line."""
        place = file if self.line is None else f"{file}:{self.line}"
        if self.old:
            place = say(language, "place_old", place=self.line)
        return f"{place}: {say(language, f'level_{self.level}')}: {say(language, self.code, **self.values)}"


def error(code: str, line: int | None = None, *, old: bool = False, **values: object) -> Finding:
    """Return a mistake for which a roster is not taken."""
    return Finding("error", code, line, old, values)


def warning(code: str, line: int | None = None, *, old: bool = False, **values: object) -> Finding:
    """Return what may be a mistake."""
    return Finding("warning", code, line, old, values)
