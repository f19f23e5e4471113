#!/usr/bin/env python3
"""Puts what the pages take from npm into duty_desk/console/vendor/, as scripts/vendor.toml pins it, and what the
walls' take into dashboards/server/page/vendor/, as scripts/vendor-walls.toml does.

    python3 scripts/vendor.py              does nothing when all is there
    python3 scripts/vendor.py --from DIR   takes the tarballs (maplibre-gl-6.17.0.tgz, …) from a folder: no network

The standard library alone, as it runs before anything is installed, and when the package is built. NPM_REGISTRY names
another registry, HTTPS_PROXY a proxy, SSL_CERT_FILE its certificates.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import io
import os
import re
import sys
import tarfile
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path, PurePosixPath
from typing import Any

REPO = Path(__file__).resolve().parent.parent
PINS = REPO / "scripts" / "vendor.toml"
TARGET = REPO / "duty_desk" / "console" / "vendor"
REGISTRY = "https://registry.npmjs.org"
WALL_PINS = REPO / "scripts" / "vendor-walls.toml"
WALL_TARGET = REPO / "dashboards" / "server" / "page" / "vendor"
TEST_PINS = REPO / "tests" / "vendor.toml"
TEST_TARGET = REPO / ".tools" / "vendor"
STAMP = "stamp"
MAX_TARBALL_BYTES = 40_000_000
MAX_FILE_BYTES = 8_000_000
_TIMEOUT_S = 60.0


class VendorError(Exception):
    """A package cannot be had, or is not what was pinned; the text says what to do."""


def main() -> int:
    """Bring the folder in line with the pins; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="folder", type=Path, help="take the tarballs from this folder")
    parser.add_argument("--tests", action="store_true", help="take what the tests need as well (tests/vendor.toml)")
    given = parser.parse_args()
    wanted = [(PINS, TARGET), (WALL_PINS, WALL_TARGET), *([(TEST_PINS, TEST_TARGET)] if given.tests else [])]
    for pins, target in wanted:
        try:
            taken = bring(pins, target, folder=given.folder)
        except VendorError as error:
            print(f"vendor: {error}", file=sys.stderr)
            return 1
        if taken:
            print(f"vendor: {', '.join(taken)} → {target.relative_to(REPO)}")
    return 0


def bring(pins: Path, target: Path, *, folder: Path | None = None, registry: str | None = None) -> list[str]:
    """Bring a folder in line with the pins; return what was taken, nothing when all was there.

    Args:
        pins: The file that pins the packages.
        target: Where the files go, each package in a folder of its own.
        folder: Where the tarballs lie; None downloads them.
        registry: The registry's address; None takes NPM_REGISTRY, or npm's own.

    Raises:
        VendorError: A package cannot be had, or is not what was pinned.
    """
    packages = _read(pins)
    stamp = hashlib.sha256(pins.read_bytes()).hexdigest()
    if is_whole(pins, target):
        return []
    registry = (registry or os.environ.get("NPM_REGISTRY") or REGISTRY).rstrip("/")
    for package in packages:
        name = f"{package['name']} {package['version']}"
        body = _tarball(package, folder, registry)
        _check(name, body, package["integrity"])
        for path, content in _files(name, body, package["files"]).items():
            _write(target / package["name"] / PurePosixPath(path).name, content)
    # Last, so that a run that was cut short is taken up again.
    _write(target / STAMP, stamp.encode())
    return [f"{package['name']} {package['version']}" for package in packages]


def is_whole(pins: Path, target: Path) -> bool:
    """Return whether a folder holds everything that is pinned, from these very pins."""
    stamp = target / STAMP
    if not stamp.is_file() or stamp.read_text() != hashlib.sha256(pins.read_bytes()).hexdigest():
        return False
    return all(
        (target / package["name"] / PurePosixPath(file).name).is_file()
        for package in _read(pins)
        for file in package["files"]
    )


def _read(pins: Path) -> list[dict[str, Any]]:
    try:
        packages: list[dict[str, Any]] = tomllib.loads(pins.read_text(encoding="utf-8"))["packages"]
        for package in packages:
            if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", package["name"]):
                raise VendorError(f"{pins}: {package['name']!r} is no name of a package")
            if not (isinstance(package["version"], str) and isinstance(package["integrity"], str) and package["files"]):
                raise VendorError(f"{pins}: {package['name']}: version, integrity and files are texts")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VendorError(f"{pins}: cannot be read: {error!r}") from None
    return packages


def _tarball(package: dict[str, Any], folder: Path | None, registry: str) -> bytes:
    file = f"{package['name']}-{package['version']}.tgz"
    if folder is not None:
        try:
            return (folder / file).read_bytes()
        except OSError as error:
            raise VendorError(f"{folder / file}: {error.strerror}; fetch it with: npm pack {file[:-4]}") from None
    url = f"{registry}/{package['name']}/-/{file}"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            body: bytes = answer.read(MAX_TARBALL_BYTES + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        host = urllib.parse.urlsplit(url).netloc or url
        raise VendorError(
            f"{url} cannot be had: {error}\n"
            f"        is {host} reachable? a proxy goes into HTTPS_PROXY, another registry into NPM_REGISTRY;\n"
            f"        without a network: put {file} and the others of scripts/vendor.toml into a folder, and\n"
            "        python3 scripts/vendor.py --from FOLDER"
        ) from None
    if len(body) > MAX_TARBALL_BYTES:
        raise VendorError(f"{url} is larger than {MAX_TARBALL_BYTES} bytes; nothing of it was used")
    return body


def _check(name: str, body: bytes, integrity: str) -> None:
    kind, _, wanted = integrity.partition("-")
    try:
        expected = base64.b64decode(wanted, validate=True)
    except binascii.Error:
        expected = b""
    if kind != "sha512" or len(expected) != 64:
        raise VendorError(f"{name}: integrity is no sha512-…; take npm's own: npm view {name.replace(' ', '@')} dist")
    found = hashlib.sha512(body).digest()
    if found != expected:
        told = base64.b64encode(found).decode()
        raise VendorError(
            f"{name} is not what was pinned, and nothing of it was used\n"
            f"        pinned sha512-{wanted}\n        came   sha512-{told}\n"
            "        something between here and the registry changed it, or the pin is of another version"
        )


def _files(name: str, body: bytes, wanted: list[str]) -> dict[str, bytes]:
    """Return the wanted files of a tarball, by their path in the package."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as tar:
            for member in tar:
                path = member.name.partition("/")[2]
                if path in wanted and member.isfile() and member.size <= MAX_FILE_BYTES:
                    file = tar.extractfile(member)
                    found[path] = b"" if file is None else file.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise VendorError(f"{name}: the tarball cannot be read: {error}") from None
    missing = sorted(set(wanted) - set(found))
    if missing:
        raise VendorError(f"{name}: has no {', '.join(missing)}; correct `files` in scripts/vendor.toml")
    return found


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(content)
    fresh.replace(path)


if __name__ == "__main__":
    sys.exit(main())
