"""Makes an installed package with a driver of its own, as a city has one."""

from __future__ import annotations

from pathlib import Path


def package(folder: Path, module: str, *, name: str = "gauge") -> None:
    """Write a package `gauge-driver` whose entry point is `DRIVER` of a module's text into a folder on the path."""
    (folder / "gauge_driver.py").write_text(module)
    info = folder / "gauge_driver-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gauge-driver\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[siaga.drivers]\n{name} = gauge_driver:DRIVER\n")
