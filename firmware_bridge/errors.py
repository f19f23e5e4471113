"""What can go wrong with a board, by what the caller should do.

BridgeError
├── WordsError       told to a technician, in Indonesian or English
├── FrameError       bytes of the wire are no frame; counted by its reason, the next frame may be good
├── BoardError       the board is not usable now, in words that say what to do; it is asked again by itself
└── CommandError     a command was not done: refused by the board, not answered in time, or too many wait
"""

from __future__ import annotations

from contract.errors import DecodeError, SiagaError
from firmware_bridge.words import Text


class BridgeError(SiagaError):
    """The root of what the bridge raises about a board."""


class WordsError(BridgeError):
    """What is told to a technician.

    Args:
        told: Its text; `str` of the error is English.
    """

    def __init__(self, told: Text) -> None:
        self.told = told
        super().__init__(told.words("en"))


class FrameError(BridgeError, DecodeError):
    """Bytes of the wire are no frame, or a frame's payload is not what its type says.

    `reason` is one of `cobs`, `short`, `long`, `crc`, `version` and `payload`.
    """


class BoardError(BridgeError):
    """The board cannot be used now; the text says what to do."""


class CommandError(BridgeError):
    """A command was not done."""
