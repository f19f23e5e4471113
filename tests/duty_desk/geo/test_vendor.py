"""What the pages take from npm: pinned by hash, taken once, in the wheel."""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

REPO = Path(__file__).parents[3]
SCRIPT = REPO / "scripts" / "vendor.py"
NOWHERE = "http://127.0.0.1:1"


class _Quiet(SimpleHTTPRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""

    def log_error(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Yield a registry's address, and the folder it serves."""
    folder = tmp_path / "registry"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    thread.join()
    server.server_close()


def _tarball(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, body in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return made.getvalue()


def _pins(tmp_path: Path, body: bytes, files: str = '["dist/line.js"]') -> Path:
    integrity = base64.b64encode(hashlib.sha512(body).digest()).decode()
    pins = tmp_path / "vendor.toml"
    pins.write_text(
        f'[[packages]]\nname = "line"\nversion = "1.0.0"\nintegrity = "sha512-{integrity}"\nfiles = {files}\n'
    )
    return pins


def _bring(
    pins: Path, target: Path, *, registry: str = NOWHERE, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; from pathlib import Path\n"
        "scripts, pins, target, registry, folder = sys.argv[1:]\n"
        "sys.path.insert(0, scripts); import vendor\n"
        "tarballs = Path(folder) if folder else None\n"
        "try:\n    print(vendor.bring(Path(pins), Path(target), registry=registry, folder=tarballs))\n"
        "except vendor.VendorError as error:\n    sys.exit(str(error))"
    )
    given = [str(SCRIPT.parent), str(pins), str(target), registry, "" if folder is None else str(folder)]
    command = [sys.executable, "-c", code, *given]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.slow
def test_a_package_is_taken_once_and_again_when_a_file_is_gone(registry: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = registry
    body = _tarball({"dist/line.js": b"export const line = 1;", "dist/other.js": b"not wanted"})
    (folder / "line" / "-").mkdir(parents=True)
    served = folder / "line" / "-" / "line-1.0.0.tgz"
    served.write_bytes(body)
    pins, target = _pins(tmp_path, body), tmp_path / "vendor"
    assert _bring(pins, target, registry=url).stdout == "['line 1.0.0']\n"
    assert (target / "line" / "line.js").read_bytes() == b"export const line = 1;"
    assert not (target / "line" / "other.js").exists()
    served.unlink()
    assert _bring(pins, target, registry=url).stdout == "[]\n", "nothing is asked of the registry when all is there"
    (target / "line" / "line.js").unlink()
    assert "404" in _bring(pins, target, registry=url).stderr


@pytest.mark.slow
def test_a_tarball_with_another_hash_is_refused_whole(registry: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = registry
    (folder / "line" / "-").mkdir(parents=True)
    (folder / "line" / "-" / "line-1.0.0.tgz").write_bytes(_tarball({"dist/line.js": b"stolen()"}))
    target = tmp_path / "vendor"
    told = _bring(_pins(tmp_path, _tarball({"dist/line.js": b"good"})), target, registry=url)
    assert told.returncode == 1
    assert "not what was pinned, and nothing of it was used" in told.stderr
    assert not target.exists()


@pytest.mark.slow
def test_without_a_network_it_says_what_to_do_and_takes_a_folder(tmp_path: Path) -> None:
    body = _tarball({"dist/line.js": b"x"})
    pins, target = _pins(tmp_path, body), tmp_path / "vendor"
    told = _bring(pins, target, registry=NOWHERE)
    assert told.returncode == 1
    for what in ("NPM_REGISTRY", "HTTPS_PROXY", "--from FOLDER", "line-1.0.0.tgz"):
        assert what in told.stderr
    (tmp_path / "line-1.0.0.tgz").write_bytes(body)
    assert _bring(pins, target, folder=tmp_path).stdout == "['line 1.0.0']\n"


@pytest.mark.slow
def test_the_wheel_holds_what_the_map_needs(tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, str(SCRIPT)], check=False, timeout=120).returncode == 0
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    built = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False, timeout=60)
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        held = {info.filename: info.file_size for info in files.infolist()}
    vendor = "duty_desk/console/vendor"
    for name in ("maplibre-gl.mjs", "maplibre-gl-worker.mjs", "maplibre-gl.css", "LICENSE.txt"):
        assert held[f"{vendor}/maplibre-gl/{name}"] > 1_000
    assert held[f"{vendor}/pmtiles/pmtiles.js"] > 1_000
