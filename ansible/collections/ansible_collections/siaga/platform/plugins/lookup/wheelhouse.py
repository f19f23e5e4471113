"""`lookup('siaga.platform.wheelhouse', folder, extra='edge')`: is it whole, and what of it goes to a machine?"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: wheelhouse
short_description: Checks a wheelhouse on the control machine and says which of its files a machine needs
description:
  - Reads C(manifest.json) and C(requirements-EXTRA.txt) of a folder that C(make wheelhouse) made, and every wheel named
    there. Nothing is written.
options:
  _terms:
    description: The folder of one architecture.
    required: true
  extra:
    description: Whose requirements, C(edge) or C(centre).
    required: true
    type: string
"""

RETURN = """
_raw:
  description:
    - One dictionary a folder with C(version), C(arch), C(name) of the release, C(files) to copy, and C(fault), which is
      empty or one line that says what is wrong and what to do.
"""

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^]]*\])?\s*(?:==|@)")
_AGAIN = "make it again: make wheelhouse ARCH=…"


def look(folder: Path, extra: str) -> dict[str, Any]:
    """Return what the wheelhouse is. It never raises for what is wrong with it: `fault` says it in one line."""
    found: dict[str, Any] = {"version": "", "arch": "", "name": "", "files": [], "fault": ""}
    requirements = f"requirements-{extra}.txt"
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        found["version"], found["arch"] = str(manifest["version"]), str(manifest["arch"])
        found["name"] = f"{manifest['version']}-{str(manifest['digest'])[:8]}"
        sums = {str(name): str(digest) for name, digest in manifest["files"].items()}
        text = (folder / requirements).read_text(encoding="utf-8")
        wanted = set(_HASH.findall(text))
    except FileNotFoundError as error:
        return found | {"fault": f"{error.filename}: no such file; {_AGAIN}"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return found | {"fault": f"{folder}: not a wheelhouse ({type(error).__name__}: {error}); {_AGAIN}"}
    wheels = sorted(name for name, digest in sums.items() if digest in wanted and name.endswith(".whl"))
    found["files"] = [*wheels, requirements]
    # A requirement may have hashes of wheels of other systems too; what it has none of here cannot be installed.
    needed = sum(1 for line in text.splitlines() if _NAME.match(line))
    if len(wheels) < needed:
        few = f"{needed - len(wheels)} wheel{'s' if needed - len(wheels) > 1 else ''}"
        return found | {"fault": f"{folder}: {requirements} wants {few} not in manifest.json; {_AGAIN}"}
    if not any(name.startswith("siaga-") for name in wheels):
        return found | {"fault": f"{folder}: {requirements} has no wheel of siaga itself; {_AGAIN}"}
    for name in found["files"]:
        fault = _fault_of(folder / name, sums.get(name))
        if fault:
            return found | {"fault": fault}
    return found


def _fault_of(path: Path, told: str | None) -> str:
    try:
        if told is not None and hashlib.sha256(path.read_bytes()).hexdigest() != told:
            return f"{path}: not the file that manifest.json tells of; {_AGAIN}"
        if told is None and path.suffix == ".whl":
            return f"{path}: manifest.json does not tell of it; {_AGAIN}"
    except OSError as error:
        return f"{path}: {error.strerror}; {_AGAIN}"
    return ""


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no types
    """The plugin."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **options: Any) -> list[dict[str, Any]]:
        """Return what each folder is."""
        self.set_options(var_options=variables, direct=options)
        extra = str(self.get_option("extra"))
        if extra not in ("edge", "centre"):
            raise AnsibleError(f"extra: expected edge or centre, not {extra!r}")
        return [look(Path(term), extra) for term in terms]
