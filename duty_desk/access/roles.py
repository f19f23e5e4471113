"""What each role may do: the one table. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

from duty_desk.incidents.actor import Role

Permission = Literal["see", "act", "note", "call", "archive", "export", "accounts"]
"""see: every page and event. act: accept, answer, depart, resolve, close, cancel. note: write on an incident.
call: open an incident by hand. archive: past incidents. export: take records out. accounts: see who may come."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)
PERMISSIONS: Final[tuple[Permission, ...]] = get_args(Permission)

MAY: Final[Mapping[Role, frozenset[Permission]]] = {
    "viewer": frozenset({"see"}),
    "officer": frozenset({"see", "act", "note", "call", "archive"}),
    "call_taker": frozenset({"see", "note", "call", "archive"}),
    "supervisor": frozenset({"see", "act", "note", "call", "archive", "export"}),
    "admin": frozenset({"see", "archive", "export", "accounts"}),
}


def may(role: Role, permission: Permission) -> bool:
    """Return whether a role has a permission."""
    return permission in MAY[role]


def may_read(role: Role) -> bool:
    """Return whether a role may know who called, what was told, and what notes say: who may see the archive of it."""
    return may(role, "archive")
