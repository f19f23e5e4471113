"""Other versions of siaga for the upgrades: the same wheel under another version, whole or broken."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Final

_BROKEN: Final = b"raise SystemExit('this release was broken on purpose')\n"
_BREAKS: Final = "edge_agent/agent.py"


def variant(wheelhouse: Path, to: Path, version: str, *, broken: bool = False) -> Path:
    """Make a wheelhouse of another version out of one; return its folder of architectures.

    Args:
        wheelhouse: The folder of one architecture.
        to: The folder that gets one of the same name.
        version: Such as `0.1.1`.
        broken: Whether its agent installs, and ends as soon as it starts.
    """
    target = to / wheelhouse.name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    told = json.loads((wheelhouse / "manifest.json").read_text())
    old = next(wheelhouse.glob("siaga-*.whl"))
    for file in wheelhouse.iterdir():
        if file.suffix == ".whl" and file != old:
            (target / file.name).hardlink_to(file)
    new = target / old.name.replace(f"-{told['version']}-", f"-{version}-")
    _rewrite(old, new, told["version"], version, broken)
    before, after = _sha256(old), _sha256(new)
    for file in wheelhouse.glob("requirements-*.txt"):
        text = file.read_text().replace(before, after).replace(f"siaga=={told['version']}", f"siaga=={version}")
        (target / file.name).write_text(text)
    files = {file.name: _sha256(file) for file in sorted(target.iterdir())}
    digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    (target / "manifest.json").write_text(json.dumps({**told, "version": version, "digest": digest, "files": files}))
    return to


def spoil(wheelhouse: Path, to: Path) -> Path:
    """Make a copy of a wheelhouse in which one wheel is cut short; return its folder of architectures."""
    target = to / wheelhouse.name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(wheelhouse, target)
    wheel = next(target.glob("siaga-*.whl"))
    wheel.write_bytes(wheel.read_bytes()[:-1_000])
    return to


def _rewrite(old: Path, new: Path, before: str, after: str, broken: bool) -> None:
    info = f"siaga-{before}.dist-info/"
    record: list[str] = []
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as made:
        for item in source.infolist():
            name = item.filename.replace(info, f"siaga-{after}.dist-info/")
            if name.endswith(".dist-info/RECORD"):
                continue
            body = source.read(item)
            if name.endswith(".dist-info/METADATA"):
                body = body.replace(f"\nVersion: {before}\n".encode(), f"\nVersion: {after}\n".encode())
            if broken and name == _BREAKS:
                body = _BROKEN
            made.writestr(name, body)
            digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(body)}")
        place = f"siaga-{after}.dist-info/RECORD"
        made.writestr(place, "\n".join([*record, f"{place},,", ""]))


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
