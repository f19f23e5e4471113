"""The box's errors.

contract.errors.SiagaError
└── LineError     a line to a device cannot be opened or is lost: try again later (of `pins`)
"""

from __future__ import annotations

from pins.errors import LineError

__all__ = ["LineError"]
