"""Sees to it that a wheel of Siaga holds what the pages take from npm."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WITHOUT = "SIAGA_WITHOUT_MAP"


class Vendor(BuildHookInterface[Any]):
    """Brings the pages' vendor/ in line with scripts/vendor.toml and vendor-walls.toml; nothing when they are."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run before each build of a wheel."""
        scripts = Path(self.root) / "scripts"
        sys.path.insert(0, str(scripts))
        try:
            import vendor
        finally:
            sys.path.remove(str(scripts))
        if os.environ.get(WITHOUT):
            return
        try:
            root = Path(self.root)
            vendor.bring(scripts / "vendor.toml", root / "duty_desk" / "console" / "vendor")
            vendor.bring(scripts / "vendor-walls.toml", root / "dashboards" / "server" / "page" / "vendor")
        except vendor.VendorError as error:
            raise SystemExit(
                f"vendor: {error}\n"
                f"        or set {WITHOUT}=1: a box or a collector needs no map, and a desk shows its plain one"
            ) from None
