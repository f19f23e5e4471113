"""Sentences for tests."""

from __future__ import annotations

from functools import reduce
from operator import xor

# 2026-11-22T03:00:00Z
THREE_NS = 1_795_316_400_000_000_000
SECOND_NS = 1_000_000_000


def sentence(content: str) -> bytes:
    """Return a whole sentence with checksum and line end."""
    return f"${content}*{reduce(xor, content.encode(), 0):02X}\r\n".encode()


def rmc(clock: str, *, status: str = "A", latitude: str = "0655.2900", day: str = "221126") -> bytes:
    """Return an RMC of Jalan Braga at `clock` (hhmmss.ss)."""
    return sentence(f"GPRMC,{clock},{status},{latitude},S,10736.4140,E,0.0,,{day},,,A")


def gga(clock: str, *, quality: int = 1) -> bytes:
    """Return a GGA of Jalan Braga at `clock` (hhmmss.ss)."""
    return sentence(f"GPGGA,{clock},0655.2900,S,10736.4140,E,{quality},08,1.1,712.5,M,2.0,M,,")
