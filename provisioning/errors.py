"""What can go wrong in provisioning; the type says what the caller can do.

SiagaError
└── ProvisioningError
    ├── UnusableError        a folder or a file cannot be used as it is: mend it and try again (exit 78)
    │   └── KeyFileError     a key or certificate: readable by others, damaged, wrong pass phrase, not a pair
    └── RefusedError         the request is refused, everything is as it was (exit 1)
        ├── NameRefusedError a name or host that no certificate may carry, or that the register does not know
        ├── ExistsError      it is there already and would be overwritten
        ├── RevokedError     the device is revoked
        └── ClockError       this machine's clock cannot be right

Each is one line: what is wrong, and what to do.
"""

from __future__ import annotations

from typing import ClassVar

from contract.errors import EX_CONFIG, SiagaError


class ProvisioningError(SiagaError):
    """The root of provisioning's errors.

    Args:
        what: What is wrong, such as `/srv/ca/root.key: the pass phrase does not open it`.
        hint: What to do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, hint: str = "") -> None:
        self.what = what
        self.hint = hint
        text = f"{what}; {hint}" if hint else what
        # Names come from outside: the error stays one line, and no control sequence reaches a terminal.
        super().__init__("".join(char if char.isprintable() else ascii(char)[1:-1] for char in text))


class UnusableError(ProvisioningError):
    """A folder or a file cannot be used as it is."""

    exit_code = EX_CONFIG


class KeyFileError(UnusableError):
    """A key or a certificate cannot be used: readable by others, damaged, wrong pass phrase, not a pair."""


class RefusedError(ProvisioningError):
    """The request is refused; everything is as it was."""


class NameRefusedError(RefusedError):
    """A name or host that no certificate may carry, or that the register does not know."""


class ExistsError(RefusedError):
    """It is there already and would be overwritten."""


class RevokedError(RefusedError):
    """The device is revoked."""


class ClockError(RefusedError):
    """This machine's clock cannot be right."""
