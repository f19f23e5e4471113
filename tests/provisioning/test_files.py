"""Whatever fails, and wherever a process dies, files are as they were or as they should be; secrets stay secret."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from provisioning import files
from provisioning.errors import ExistsError, KeyFileError, ProvisioningError, UnusableError
from tests.provisioning.city import contents
from tests.warm import WarmProcess

_BEFORE: dict[str, bytes | None] = {"a.key": b"old a", "deep/b.pem": b"old b", "gone.key": b"old gone"}
_CHANGE: dict[str, bytes | None] = {
    "a.key": b"new a",
    "deep/b.pem": b"new b",
    "deeper/down/c.key": b"new c",
    "gone.key": None,
}
_AFTER = {name: data for name, data in _CHANGE.items() if data is not None}


def make(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    files.write_files(folder, _BEFORE)


@contextmanager
def failing(name: str, at: int, fails: int = errno.EIO) -> Iterator[list[int]]:
    """Let the call number `at` of a function of `os` fail."""
    real, calls = getattr(os, name), [0]

    def instead(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == at:
            raise OSError(fails, os.strerror(fails))
        return real(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, name, instead)
        yield calls


@pytest.mark.parametrize("call", ["replace", "fsync", "open", "fchmod"])
def test_a_change_that_fails_anywhere_is_done_or_undone(tmp_path: Path, call: str) -> None:
    at = 0
    while True:
        at += 1
        folder = tmp_path / str(at)
        make(folder)
        with failing(call, at) as calls, contextlib.suppress(UnusableError):
            files.write_files(folder, _CHANGE, overwrite=True)
        if calls[0] < at:
            break  # it never got there: every call has failed once
        if not (folder / ".commit").exists():
            assert contents(folder) in (_BEFORE, _AFTER), f"{call} number {at}"
        files.recover(folder)
        assert contents(folder) in (_BEFORE, _AFTER), f"{call} number {at}"
    assert at > 3
    assert contents(folder) == _AFTER


_DYING = """
import os, signal, sys
from pathlib import Path
from provisioning import files
folder, at = Path(sys.argv[1]), int(sys.argv[2])
calls = 0
def dying(real):
    def instead(*arguments, **options):
        global calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    return instead
for name in ("replace", "fsync", "open", "unlink"):
    setattr(os, name, dying(getattr(os, name)))
files.write_files(folder, {"a.key": b"new a", "deep/b.pem": b"new b", "deeper/down/c.key": b"new c", "gone.key": None},
                  overwrite=True)
"""


@pytest.mark.slow
def test_a_process_killed_anywhere_leaves_all_or_nothing(tmp_path: Path) -> None:
    seen = []
    for at in range(1, 200):
        folder = tmp_path / str(at)
        make(folder)
        process = WarmProcess([sys.executable, "-c", _DYING, str(folder), str(at)], name="dying", folder=tmp_path)
        process.start()
        died = process.wait()
        files.recover(folder)
        seen.append(contents(folder))
        assert seen[-1] in (_BEFORE, _AFTER), f"killed at call {at}"
        if died == 0:
            break
        assert died == -signal.SIGKILL
    # Killed early, nothing has happened; killed late, everything; never back again.
    first_after = seen.index(_AFTER)
    assert 0 < first_after < len(seen) - 1
    assert seen == [_BEFORE] * first_after + [_AFTER] * (len(seen) - first_after)


def test_a_full_disk_changes_nothing_and_is_told_in_a_line(tmp_path: Path) -> None:
    folder = tmp_path / "full"
    make(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(UnusableError, match="file too large; nothing was half written") as told:
            files.write_files(folder, _CHANGE | {"big.key": bytes(200)}, overwrite=True)
        with pytest.raises(UnusableError, match="file too large"):
            files.write_private(folder / "big.key", bytes(200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(told.value)
    assert contents(folder) == _BEFORE


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    make(tmp_path / "x")
    with pytest.raises(ExistsError, match=r"a\.key: is there already; .*--force"):
        files.write_files(tmp_path / "x", {"z.key": b"", "a.key": b"new"})
    with pytest.raises(ExistsError):
        files.write_private(tmp_path / "x/a.key", b"new")
    assert contents(tmp_path / "x") == _BEFORE
    files.write_files(tmp_path / "x", {"a.key": b"new"}, always=frozenset({"a.key"}))
    files.write_private(tmp_path / "x/deep/b.pem", b"new", overwrite=True)
    assert contents(tmp_path / "x") == _BEFORE | {"a.key": b"new", "deep/b.pem": b"new"}


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files.make_folder(tmp_path / "a/b")
        files.write_files(tmp_path / "a/b", {"x.key": b"", "x.pem": b"", "x.pub": b"", "c/authority.json": b""})
        os.umask(0o777)
        files.write_private(tmp_path / "a/b/y.key", b"")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a").rglob("*")}
    wanted = {"b": 0o700, "c": 0o700, "x.key": 0o600, "x.pem": 0o644, "x.pub": 0o644, "y.key": 0o600}
    assert modes == wanted | {"authority.json": 0o600}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o777])
def test_a_secret_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "x.key"
    files.write_private(path, b"secret")
    assert files.read_private(path) == b"secret"
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"others may read or change it .*; run: chmod 600 {path}"):
        files.read_private(path)


def test_a_temporary_cannot_be_placed_by_somebody_else(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"theirs")
    (tmp_path / f"{files.TEMPORARY}x.key").symlink_to(theirs)
    (tmp_path / ".new-y.key").symlink_to(theirs)
    files.write_files(tmp_path, {"x.key": b"secret"})
    files.write_private(tmp_path / "y.key", b"secret")
    assert theirs.read_bytes() == b"theirs"
    assert not (tmp_path / "x.key").is_symlink()
    assert not (tmp_path / "y.key").is_symlink()


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with files.locked(tmp_path):
            order.append("second")

    with files.locked(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        waiting.wait()
        order.append("first")
    thread.join(timeout=5)
    assert order == ["first", "second"]


def test_a_damaged_log_is_told(tmp_path: Path) -> None:
    for text in ("", "{}", "[]", '{"moved": 1, "removed": []}'):
        (tmp_path / ".commit").write_text(text)
        with pytest.raises(UnusableError, match=r"\.commit: damaged"):
            files.recover(tmp_path)


def test_what_is_not_there_or_no_folder_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    attempts: list[Callable[[], object]] = [
        lambda: files.read_file(tmp_path / "none"),
        lambda: files.read_private(tmp_path / "none"),
        lambda: files.read_file(tmp_path),
        lambda: files.make_folder(tmp_path / "file"),
        lambda: files.make_folder(tmp_path / "file/below"),
        lambda: files.write_private(tmp_path / "none/x.key", b""),
        lambda: contextlib.ExitStack().enter_context(files.locked(tmp_path / "none")),
    ]
    for attempt in attempts:
        with pytest.raises(ProvisioningError) as told:
            attempt()
        assert isinstance(told.value, UnusableError)
        assert "\n" not in str(told.value)
        assert "; " in str(told.value)


def test_each_file_is_on_the_disk_before_it_is_named_and_each_name_before_the_log_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "x")
    events: list[tuple[str, str]] = []
    fsync, replace, unlink = os.fsync, os.replace, os.unlink

    def relative(path: Any) -> str:
        return os.path.relpath(path, tmp_path / "x")

    def seen_fsync(descriptor: int) -> None:
        events.append(("sync", relative(Path(f"/proc/self/fd/{descriptor}").readlink())))
        fsync(descriptor)

    def seen_replace(source: Any, target: Any) -> None:
        events.append(("move", f"{relative(source)} {relative(target)}"))
        replace(source, target)

    def seen_unlink(path: Any, **options: Any) -> None:
        events.append(("unlink", relative(path)))
        unlink(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", seen_fsync)
        patch.setattr(os, "replace", seen_replace)
        patch.setattr(os, "unlink", seen_unlink)
        files.write_files(tmp_path / "x", _CHANGE, overwrite=True)
    log = events.index(("move", ".tmp-.commit .commit"))
    end = events.index(("unlink", ".commit"))
    moves = [event for event in events if event[0] == "move"]
    assert len(moves) == 4
    for _, move in moves:
        source, target = move.split()
        at = events.index(("move", move))
        folder = str(Path(target).parent)
        assert ("sync", source) in events[:log], source  # before anything has happened, all of it is on the disk
        assert ("sync", folder) in events[:log], folder  # its temporary's name as well
        assert ("sync", folder) in events[at:], target
        assert at <= log or ("sync", folder) in events[at:end], target
        assert at <= log or ("sync", ".") in events[log:at]  # the log's own name before the first is moved
    assert log < events.index(("unlink", "gone.key")) < end
    assert events[-1] == ("sync", ".")
