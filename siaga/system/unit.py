"""What a unit is, and its text. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from siaga.system.hardening import Opened, hardened

CURRENT: Final = "/opt/siaga/current/bin"
MOST_EXPOSED: Final = 2.0
"""What `systemd-analyze security` may say of a unit of ours at most: 0 is closed, 10 is open."""

_HEAD: Final = "# Written by `siaga system units --write systemd`, from siaga/system/; changes go there."


@dataclass(frozen=True, slots=True)
class Service:
    """A service of ours.

    Attributes:
        name: The unit's name without `.service`; with `@` at its end it is a template.
        description: One line.
        start: The whole command.
        user: Who it runs as; its group of the same name, and `siaga` beside it, whose files in /etc/siaga it may read.
        kind: Type=.
        groups: Further groups, for devices.
        memory: MemoryMax=: it is restarted rather than let the machine down.
        opened: What of the table of hardening it opens, and why.
        unit, service: Further lines of [Unit] and of [Service].
        wanted_by: The target that starts it; empty: a timer does.
        most_exposed: What `systemd-analyze security` may say of it.
        exposed_why: Why that is more than `MOST_EXPOSED`.
    """

    name: str
    description: str
    start: str
    user: str
    kind: Literal["notify", "exec", "simple", "oneshot"] = "exec"
    groups: tuple[str, ...] = ()
    memory: str = ""
    opened: Mapping[str, Opened] = field(default_factory=dict)
    unit: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    wanted_by: str = "multi-user.target"
    most_exposed: float = MOST_EXPOSED
    exposed_why: str = ""

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}.service"

    def text(self) -> str:
        """Return the file."""
        lines = [_HEAD, "[Unit]", f"Description={self.description}", *self.unit, "", "[Service]", f"Type={self.kind}"]
        lines += [f"ExecStart={self.start}", f"User={self.user}"]
        if self.groups:
            lines.append(f"SupplementaryGroups={' '.join(self.groups)}")
        if self.memory:
            lines += [f"MemoryMax={self.memory}", "MemorySwapMax=0"]
        lines += [*self.service, "", *hardened(self.opened)]
        if self.wanted_by:
            lines += ["", "[Install]", f"WantedBy={self.wanted_by}"]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer of ours; it starts the service of its name."""

    name: str
    description: str
    when: tuple[str, ...]

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}.timer"

    def text(self) -> str:
        """Return the file."""
        lines = [_HEAD, "[Unit]", f"Description={self.description}", "", "[Timer]", *self.when]
        return "\n".join([*lines, "", "[Install]", "WantedBy=timers.target"]) + "\n"
