"""What outlives a SIGKILL without a card write: torn writes, and whose file it may be."""

from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.runtime_file import MAX_BYTES, RuntimeFile, _on_tmpfs, open_runtime_file

REPO = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for left in tmp_path.glob("siaga-*"):
        left.unlink()


def read(path: Path) -> bytes | None:
    file = RuntimeFile(path)
    try:
        return file.read()
    finally:
        file.close()


def test_what_was_written_last_is_read_by_the_next(folder: Path) -> None:
    path = folder / "notes"
    file = RuntimeFile(path)
    assert file.read() is None
    for number in range(5):
        file.write(b"%d" % number * number)
    file.close()
    assert read(path) == b"4444"
    again = RuntimeFile(path)
    assert again.read() == b"4444"
    again.write(b"x" * MAX_BYTES)
    again.close()
    assert read(path) == b"x" * MAX_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_write_torn_at_any_byte_leaves_the_state_before_it(folder: Path) -> None:
    path = folder / "notes"
    file = RuntimeFile(path)
    for payload in (b"first one", b"the second", b"now the third"):
        before = path.read_bytes()
        file.write(payload)
    file.close()
    after = path.read_bytes()
    changed = [place for place in range(len(after)) if before[place] != after[place]]
    for place in range(changed[0] + 1, changed[-1] + 1):
        path.write_bytes(after[:place] + before[place:])
        assert read(path) == b"the second", place


@pytest.mark.parametrize("content", [b"", b"\x00" * 8_192, b"\xff" * 8_192, os.urandom(10_000)])
def test_any_bytes_are_nothing_and_are_written_over(folder: Path, content: bytes) -> None:
    path = folder / "notes"
    path.write_bytes(content)
    file = RuntimeFile(path)
    assert file.read() is None
    file.write(b"new")
    file.close()
    assert read(path) == b"new"


def test_links_fifos_and_files_with_two_names_are_refused(folder: Path) -> None:
    (folder / "else").write_bytes(b"somebody's")
    (folder / "soft").symlink_to(folder / "else")
    os.link(folder / "else", folder / "hard")
    os.mkfifo(folder / "fifo")
    (folder / "folder").mkdir()
    for name in ("soft", "hard", "fifo", "folder"):
        with pytest.raises(OSError, match=r".+"):
            RuntimeFile(folder / name)
    assert (folder / "else").read_bytes() == b"somebody's"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's file")
def test_another_users_file_is_refused(folder: Path) -> None:
    (folder / "notes").write_bytes(b"")
    os.chown(folder / "notes", 65_534, 65_534)
    with pytest.raises(PermissionError):
        RuntimeFile(folder / "notes")


def test_a_file_that_an_agent_holds_is_refused_until_it_ends(folder: Path) -> None:
    first = RuntimeFile(folder / "notes")
    with pytest.raises(BlockingIOError):
        RuntimeFile(folder / "notes")
    first.close()
    RuntimeFile(folder / "notes").close(remove=True)
    assert not (folder / "notes").exists()


def test_the_folder_is_the_configured_one_else_systemds_else_one_on_tmpfs(folder: Path) -> None:
    data, other = folder / "data", folder / "other"
    other.mkdir()
    given = {"RUNTIME_DIRECTORY": f"{other}:/elsewhere", "XDG_RUNTIME_DIR": "/nowhere"}
    for runtime_dir, environ, where in (
        (folder, given, folder),
        (None, given, other),
        (None, {"XDG_RUNTIME_DIR": str(other)}, other if _on_tmpfs(other) else None),
    ):
        file = open_runtime_file(data, runtime_dir, environ)
        assert where is None or file.path.parent == where
        assert file.path.parent != other or where == other
        file.close(remove=True)
    with pytest.raises(FileNotFoundError):
        open_runtime_file(data, folder / "missing", {})


def test_two_data_folders_never_share_a_file(folder: Path) -> None:
    first = open_runtime_file(folder / "a", folder, {})
    second = open_runtime_file(folder / "b", folder, {})
    assert first.path != second.path
    first.close()
    second.close()


_WRITER = """
import sys
from pathlib import Path
from edge_agent.runtime_file import RuntimeFile
file = RuntimeFile(Path(sys.argv[1]))
begin = int(file.read() or b"0")
number = begin
while True:
    number += 1
    file.write(b"%d" % number)
    if number % 64 == 0:
        sys.stdout.write(f"{number}\\n"); sys.stdout.flush()
"""


@pytest.mark.slow
def test_after_a_sigkill_at_any_moment_the_last_write_or_the_one_before_is_there(folder: Path) -> None:
    draw = random.Random(1)
    path = folder / "notes"
    for _ in range(8):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, cwd=REPO)
        assert writer.stdout is not None
        for _ in range(draw.randint(1, 40)):
            writer.stdout.readline()
        writer.kill()
        told = [int(number) for number in writer.communicate()[0].split()]
        found = read(path)
        assert found is not None
        assert int(found) >= max(told, default=0)
