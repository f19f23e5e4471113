"""Reads what strace(1) recorded of a session, and replays it on a card."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.edge_agent.card_faults.disk import Disk, File

CALLS: Final = (
    "openat,close,pwrite64,write,ftruncate,fallocate,fsync,fdatasync,unlink,unlinkat,rename,renameat,renameat2"
)
_LINE: Final = re.compile(r"^(?P<thread>\d+) +(?P<rest>.*)$")
_CALL: Final = re.compile(r"^(?P<call>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)", re.S)
_STRING: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True, slots=True)
class Call:
    """A finished call of a recorded session."""

    name: str
    strings: tuple[bytes, ...]
    numbers: tuple[int, ...]
    flags: str
    result: int


def read_log(log: Path) -> Iterator[Call]:
    """Yield the calls of an strace log in the order they ended; of the failed ones only syncs."""
    begun: dict[str, str] = {}
    for line in log.read_text(encoding="ascii").splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        thread, rest = found["thread"], found["rest"]
        if rest.endswith("<unfinished ...>"):
            begun[thread] = rest.removesuffix("<unfinished ...>")
            continue
        if rest.startswith("<... "):
            rest = begun.pop(thread) + rest.split("resumed>", 1)[1]
        call = _CALL.match(rest)
        if call is None or (int(call["result"]) < 0 and "sync" not in call["call"]):
            continue
        strings = tuple(bytes.fromhex(text.replace("\\x", "")) for text in _STRING.findall(call["arguments"]))
        plain = _STRING.sub('""', call["arguments"])
        numbers = tuple(int(number) for number in re.findall(r"(?<![\w.\"])-?\d+(?![\w\"])", plain))
        yield Call(call["call"], strings, numbers, plain, int(call["result"]))


class Replay:
    """Replays recorded calls on a disk.

    Args:
        disk: The disk.
        folder: The path the recorded session had its files in.
        told: The path of what it told.
    """

    def __init__(self, disk: Disk, folder: Path, told: Path) -> None:
        self._disk = disk
        self._folder = folder
        self._told_path = told
        self._open: dict[int, File | str] = {}
        self.told: list[tuple[str, Any]] = []

    def run(self, call: Call) -> bool:
        """Take a call; return whether the disk or what was told has changed."""
        match call.name:
            case "openat":
                self._opened(call)
                return "O_CREAT" in call.flags
            case "close":
                self._open.pop(call.numbers[0], None)
                return False
            case "unlink" | "unlinkat":
                return self._named(call.strings[0], lambda name: self._disk.remove(name))
            case "rename" | "renameat" | "renameat2":
                new = Path(call.strings[1].decode()).name
                return self._named(call.strings[0], lambda name: self._disk.rename(name, new))
        return self._on_file(call, self._open.get(call.numbers[0]))

    def _on_file(self, call: Call, at: File | str | None) -> bool:
        if at == "told":
            self.told += [(what, value) for what, value in map(json.loads, call.strings[0].decode().splitlines())]
            return True
        if at in ("folder", "above"):
            if call.result == 0 and at == "folder":
                self._disk.sync_folder()
            elif call.result == 0:
                self._disk.listed = True
            return True
        if not isinstance(at, File):
            return False
        match call.name:
            case "pwrite64":
                at.pending.append((call.numbers[2], call.strings[0][: call.result]))
            case "ftruncate":
                at.pending.append((call.numbers[1], None))
            case "fsync" | "fdatasync":
                at.sync() if call.result == 0 else at.forget()
            case other:
                raise AssertionError(f"{other} is not modelled: {call}")
        return True

    def _opened(self, call: Call) -> None:
        path = Path(call.strings[0].decode())
        if path == self._told_path:
            self._open[call.result] = "told"
        elif path == self._folder:
            self._open[call.result] = "folder"
        elif path == self._folder.parent:
            self._open[call.result] = "above"
        elif self._counts(path):
            self._open[call.result] = self._disk.open(path.name, truncate="O_TRUNC" in call.flags)
        else:
            self._open[call.result] = "elsewhere"

    def _counts(self, path: Path) -> bool:
        """Whether a path is a database or its log: not its index, which is not read again, nor the reserve of room."""
        return path.parent == self._folder and ".db" in path.name and not path.name.endswith("-shm")

    def _named(self, path: bytes, change: Any) -> bool:
        named = Path(path.decode())
        if not self._counts(named):
            return False
        change(named.name)
        return True
