"""How fast vehicles move on each street, from their own positions: measurement `street_speed` for the walls."""

from __future__ import annotations

from dashboards.traffic.matching import Streets, load_streets
from dashboards.traffic.minutes import Fix, StreetSpeed, speeds
from dashboards.traffic.task import run

__all__ = ["Fix", "StreetSpeed", "Streets", "load_streets", "run", "speeds"]
