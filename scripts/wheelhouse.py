#!/usr/bin/env python3
"""Gathers the wheels that a box or the centre is installed from without a network: build/wheelhouse/ARCH/.

    make wheelhouse ARCH=aarch64

Rules:
- The versions and hashes are those of uv.lock. For each package the best wheel for Debian 12 (CPython 3.11, glibc 2.36)
  is chosen there before anything is fetched; packages without one are all named, and nothing is made.
- What has no wheel is built here only where `BUILT` says so, without a compiler: the same wheel for each machine.
- requirements-edge.txt and requirements-centre.txt hold one hash a package. manifest.json tells of every other file,
  and its digest of them all, so that the same sources make the same release.
- A new wheelhouse takes the place of the old one at once, when it is whole.

pip fetches, so PIP_INDEX_URL, PIP_CERT and HTTPS_PROXY mean what they always mean.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

REPO = Path(__file__).resolve().parent.parent
UV = REPO / ".tools" / "uv" / "bin"
TARGET = REPO / "build" / "wheelhouse"
ARCHITECTURES = ("x86_64", "aarch64")
PYTHON = (3, 11)
GLIBC_MINOR = 36
ROLES = {
    "edge": ("edge",),
    "centre": ("collector", "desk", "walls", "postgresql", "influxdb2", "provision"),
}
"""Which extras a machine of each role gets."""
BUILT: Mapping[str, Mapping[str, str]] = {
    "cobs": {"CC": "false"},  # its C is optional; without a compiler the wheel is pure, and the same everywhere
    "urllib3-future": {"URLLIB3_NO_OVERRIDE": "1"},  # pyproject.toml, [tool.uv], says why
}
"""Packages that are built from their source, and what the environment says meanwhile."""
BUILD_TOOLS = ("setuptools==84.2.1", "wheel==0.47.0", "hatchling==1.33.0")
_EPOCH = "315532800"
"""The time of each file in a wheel that is built here, 1980-01-01: zip has none before."""


class WheelhouseError(Exception):
    """No wheelhouse can be made; the text says what to do."""


class Pin(NamedTuple):
    """A package and its one file: a wheel, or the source it is built from."""

    name: str
    version: str
    file: str
    sha256: str


def main() -> int:
    """Make one; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arch", choices=ARCHITECTURES)
    parser.add_argument("--to", type=Path, default=TARGET, help="the folder of wheelhouses; default: build/wheelhouse")
    given = parser.parse_args()
    try:
        folder = make(given.arch, given.to)
    except WheelhouseError as error:
        print(f"wheelhouse: {error}", file=sys.stderr)
        return 1
    manifest = json.loads((folder / "manifest.json").read_text())
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(
        f"{folder}: {manifest['version']}-{manifest['digest'][:8]}, {len(manifest['files'])} files, {size / 1e6:.0f} MB"
    )
    return 0


def make(arch: str, to: Path) -> Path:
    """Make the wheelhouse of one architecture; return its folder.

    Raises:
        WheelhouseError: A package has no wheel, or one cannot be fetched or built.
    """
    lock = tomllib.loads((REPO / "uv.lock").read_text(encoding="utf-8"))
    chosen = {role: choose(exported(extras), lock, arch) for role, extras in ROLES.items()}
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to, prefix=".new-") as temporary:
        folder = Path(temporary) / arch
        folder.mkdir()
        every = sorted({pin for pins in chosen.values() for pin in pins})
        _fetch([pin for pin in every if pin.name not in BUILT], arch, folder)
        made = {pin.name: _build(pin, folder) for pin in every if pin.name in BUILT}
        own = _build_own(folder)
        for role, pins in chosen.items():
            real = [_of(made[pin.name], pin) if pin.name in made else pin for pin in pins]
            text = requirements([*real, own])
            (folder / f"requirements-{role}.txt").write_text(text, encoding="utf-8")
        told = manifest(own.version, arch, {path.name: _sha256(path) for path in sorted(folder.iterdir())})
        (folder / "manifest.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        old = Path(temporary) / "old"
        if (to / arch).exists():
            (to / arch).rename(old)
        folder.rename(to / arch)
    return to / arch


def exported(extras: Iterable[str]) -> list[Requirement]:
    """Return what uv.lock says of these extras, without siaga itself."""
    asked = [argument for extra in extras for argument in ("--extra", extra)]
    told = _run(
        [str(UV / "uv"), "export", "--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "--no-annotate",
         "--no-header", "--quiet", *asked],
        "uv cannot read uv.lock",
    )  # fmt: skip
    return [Requirement(line) for line in told.splitlines() if line.strip() and not line.startswith("#")]


def choose(wanted: Iterable[Requirement], lock: Mapping[str, Any], arch: str) -> list[Pin]:
    """Return the file of each package that a machine of this architecture needs.

    Raises:
        WheelhouseError: Packages have no wheel for it; it names them all.
    """
    tags = {tag: place for place, tag in enumerate(supported(arch))}
    locked = {(canonicalize_name(one["name"]), one["version"]): one for one in lock["package"] if "version" in one}
    pins, without = [], []
    for one in wanted:
        if one.marker is not None and not one.marker.evaluate(environment(arch)):
            continue
        version = next(iter(one.specifier)).version
        package = locked[canonicalize_name(one.name), version]
        if one.name in BUILT:
            files = [package["sdist"]] if "sdist" in package else []
        else:
            files = sorted(
                (wheel for wheel in package.get("wheels", ()) if _rank(wheel["url"], tags) is not None),
                key=lambda wheel: _rank(wheel["url"], tags) or 0,
            )
        if not files:
            without.append(f"{one.name} {version}")
            continue
        pins.append(Pin(one.name, version, _file(files[0]["url"]), files[0]["hash"].removeprefix("sha256:")))
    if without:
        raise WheelhouseError(
            f"no wheel for {arch}, CPython {PYTHON[0]}.{PYTHON[1]}, glibc 2.{GLIBC_MINOR}: {', '.join(without)}; "
            "lock a version that has one, or build it: BUILT in scripts/wheelhouse.py"
        )
    return pins


def supported(arch: str) -> list[Tag]:
    """Return the tags that a Debian 12 of this architecture takes, best first."""
    platforms = [f"manylinux_2_{minor}_{arch}" for minor in range(GLIBC_MINOR, 4, -1)]
    platforms.insert(platforms.index(f"manylinux_2_17_{arch}") + 1, f"manylinux2014_{arch}")
    platforms += [f"manylinux2010_{arch}", f"manylinux1_{arch}", f"linux_{arch}"]
    interpreter = f"cp{PYTHON[0]}{PYTHON[1]}"
    return [
        *cpython_tags(PYTHON, [interpreter], platforms),
        *compatible_tags(PYTHON, interpreter, platforms),
    ]


def environment(arch: str) -> dict[str, str]:
    """Return what markers see on such a machine."""
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": arch,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{PYTHON[0]}.{PYTHON[1]}.2",
        "python_version": f"{PYTHON[0]}.{PYTHON[1]}",
        "sys_platform": "linux",
        "extra": "",
    }


def requirements(pins: Iterable[Pin]) -> str:
    """Return the text for `pip install --require-hashes -r`."""
    return "".join(f"{pin.name}=={pin.version} --hash=sha256:{pin.sha256}\n" for pin in sorted(pins))


def manifest(version: str, arch: str, files: Mapping[str, str]) -> dict[str, object]:
    """Return what manifest.json says; the digest is of the names and hashes of all files."""
    listed = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(files.items()))
    return {
        "version": version,
        "arch": arch,
        "python": f"{PYTHON[0]}.{PYTHON[1]}",
        "digest": hashlib.sha256(listed.encode()).hexdigest(),
        "files": dict(files),
    }


def _rank(url: str, tags: Mapping[Tag, int]) -> int | None:
    try:
        *_, its_tags = parse_wheel_filename(_file(url))
    except InvalidWheelFilename:
        return None
    return min((tags[tag] for tag in its_tags if tag in tags), default=None)


def _fetch(pins: list[Pin], arch: str, folder: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as asked:
        asked.write(requirements(pins))
        asked.flush()
        platforms = [argument for name in _platforms(arch) for argument in ("--platform", name)]
        _run(
            [*_pip("download"), "--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", str(folder),
             "--python-version", f"{PYTHON[0]}.{PYTHON[1]}", "--implementation", "cp", *platforms,
             "--abi", f"cp{PYTHON[0]}{PYTHON[1]}", "--abi", "abi3", "--abi", "none", "-r", asked.name],
            "pip cannot fetch the wheels; is pypi.org reachable? a mirror goes into PIP_INDEX_URL",
        )  # fmt: skip
    for pin in pins:
        if not (folder / pin.file).exists():
            raise WheelhouseError(f"{pin.name} {pin.version}: pip fetched another file than {pin.file}")


def _platforms(arch: str) -> list[str]:
    return list(dict.fromkeys(tag.platform for tag in supported(arch) if tag.platform != "any"))


def _build(pin: Pin, folder: Path) -> Path:
    """Build a wheel of a package's source, and put it into the folder."""
    with tempfile.TemporaryDirectory() as temporary:
        asked, tools, out = (Path(temporary) / name for name in ("source.txt", "tools.txt", "out"))
        asked.write_text(requirements([pin]))
        tools.write_text("\n".join(BUILD_TOOLS) + "\n")
        _run(
            [*_pip("wheel"), "--no-deps", "--no-binary", pin.name, "--require-hashes", "--wheel-dir", str(out),
             "--no-cache-dir", "-r", str(asked)],
            f"{pin.name} {pin.version} cannot be built",
            {**BUILT[pin.name], "PIP_CONSTRAINT": str(tools), "SOURCE_DATE_EPOCH": _EPOCH},
        )  # fmt: skip
        (made,) = out.iterdir()
        if not made.name.endswith("-none-any.whl"):
            raise WheelhouseError(f"{made.name}: expected a wheel without compiled code")
        return Path(shutil.move(made, folder / made.name))


def _build_own(folder: Path) -> Pin:
    with tempfile.TemporaryDirectory() as temporary:
        _run(
            [str(UV / "uv"), "build", "--quiet", "--wheel", "--out-dir", temporary, str(REPO)],
            "siaga itself cannot be built",
            {"SOURCE_DATE_EPOCH": _EPOCH, "UV_SYSTEM_CERTS": os.environ.get("UV_SYSTEM_CERTS", "true")},
        )
        (made,) = Path(temporary).glob("siaga-*.whl")
        path = Path(shutil.move(made, folder / made.name))
    return Pin("siaga", str(parse_wheel_filename(path.name)[1]), path.name, _sha256(path))


def _of(path: Path, source: Pin) -> Pin:
    return source._replace(file=path.name, sha256=_sha256(path))


def _pip(verb: str) -> list[str]:
    return [str(UV / "python"), "-m", "pip", verb, "--quiet", "--disable-pip-version-check", "--no-input"]


def _run(command: list[str], failing: str, environ: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=REPO, env={**os.environ, **(environ or {})}
    )
    if done.returncode != 0:
        last = [line.strip() for line in done.stderr.splitlines() if line.strip()][-4:]
        raise WheelhouseError(f"{failing}: {' | '.join(last) or f'status {done.returncode}'}")
    return done.stdout


def _file(url: str) -> str:
    return url.rsplit("/", 1)[-1].replace("%2B", "+")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
