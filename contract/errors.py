"""The errors everything of Siaga derives from.

SiagaError
├── ConfigError          a configuration cannot be used; the command exits 78 before it opens anything
├── PrivateFileError     a file with a secret cannot be used; whoever named it says where
└── DecodeError          bytes from outside are not what they claim to be
    ├── TopicError       a topic is none of ours
    ├── BodyError        a body does not validate
    └── SignedError      a signed document must not be obeyed; what was in force stays
        ├── ForgedError      no key we trust made this signature of these bytes
        ├── MisroutedError   true, but for another device or of another kind
        └── StaleError       true, but not newer than what was in force
"""

from __future__ import annotations

EX_CONFIG = 78
"""Exit status of a command whose configuration cannot be used (sysexits.h, EX_CONFIG)."""

_SHOWN_BYTES = 64
_SHOWN_DETAIL = 200


class SiagaError(Exception):
    """The root of every error raised on purpose by this project."""


class ConfigError(SiagaError):
    """A configuration cannot be used: names file, line, key, what was expected and an example."""

    def __init__(self, file: str, key: str, expected: str, *, example: str = "", line: int | None = None) -> None:
        self.file = file
        self.key = key
        self.expected = expected
        self.example = example
        self.line = line
        super().__init__(str(self))

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        text = ": ".join(part for part in (where, self.key, self.expected) if part)
        return f"{text}; example: {self.example}" if self.example else text


class PrivateFileError(SiagaError):
    """A file with a secret cannot be used: names it, what is wrong, and what to do."""


class DecodeError(SiagaError):
    """Bytes from outside are not what they claim to be.

    Args:
        reason: A short, stable, lower-case reason, such as `not json`. Quarantine counts by it.
        body: The bytes; the message shows the first 64 in hexadecimal.
        detail: More words; kept printable and at most 200 characters, as it may quote a stranger's bytes into a log.
    """

    def __init__(self, reason: str, body: bytes = b"", *, detail: str = "") -> None:
        self.reason = reason
        self.body = body
        self.detail = _printable(detail)
        shown = body[:_SHOWN_BYTES].hex(" ") + (" …" if len(body) > _SHOWN_BYTES else "")
        super().__init__(": ".join(part for part in (reason, self.detail, shown) if part))


class TopicError(DecodeError):
    """A topic is none of ours."""


class BodyError(DecodeError):
    """A body does not validate."""


class SignedError(DecodeError):
    """A signed document must not be obeyed; what was in force stays."""


class ForgedError(SignedError):
    """No key we trust made this signature of these bytes."""


class MisroutedError(SignedError):
    """A true document, but for another device or of another kind."""


class StaleError(SignedError):
    """A true document, but not newer than what was in force."""


def _printable(text: str) -> str:
    cut = text if len(text) <= _SHOWN_DETAIL else text[: _SHOWN_DETAIL - 1] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)
