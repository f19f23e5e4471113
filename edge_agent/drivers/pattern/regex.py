"""A regular expression from a configuration: RE2's, which takes time in proportion to the line's length. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

MOST_PATTERN_CHARACTERS: Final = 1_000
_PROGRAM_BYTES: Final = 1 << 16
_GROUP: Final = re.compile(r"\(\?P?<([A-Za-z_][A-Za-z0-9_]*)>")


class Regex:
    """A compiled expression with named groups, over bytes.

    Args:
        pattern: The expression, in RE2's syntax, of ASCII; other bytes are written `\\xB0`.

    Raises:
        ValueError: It says what is wrong with the pattern.
    """

    def __init__(self, pattern: str) -> None:
        try:
            import re2  # only a box with such a sensor pays for it
        except ImportError:
            raise ValueError("the driver pattern needs google-re2, which is not installed on this machine") from None
        if not pattern.isascii() or len(pattern) > MOST_PATTERN_CHARACTERS:
            raise ValueError(
                f"a pattern has at most {MOST_PATTERN_CHARACTERS} characters, all ASCII; other bytes as \\xB0"
            )
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.max_mem = _PROGRAM_BYTES
        options.log_errors = False
        try:
            self._compiled: Any = re2.compile(pattern.encode(), options)
        except re2.error as error:
            raise ValueError(f"not a pattern: {_words(error)}") from None
        names = _GROUP.findall(pattern)
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"the group {min(twice)!r} appears twice")
        self._indices: dict[str, int] = {name.decode(): index for name, index in self._compiled.groupindex.items()}

    @property
    def groups(self) -> list[str]:
        """The names of its groups."""
        return list(self._indices)

    def search(self, line: bytes) -> Mapping[str, bytes | None] | None:
        """Return each named group's bytes, None for one that took no part, or None when the line has no match."""
        found = self._compiled.search(line)
        return None if found is None else {name: found.group(index) for name, index in self._indices.items()}


def _words(error: Exception) -> str:
    word = error.args[0] if error.args else ""
    return word.decode("ascii", "replace") if isinstance(word, bytes) else str(word)
