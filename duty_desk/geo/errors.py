"""Errors of the map.

DeskError
└── MapError: a file cannot be taken, or the base map cannot be read or written; the text says what to do
"""

from __future__ import annotations

from duty_desk.errors import DeskError


class MapError(DeskError):
    """A file is no base map, or the base map cannot be read or written; the text says what to do."""
