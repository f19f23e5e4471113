"""A rotation that goes on while the store is asked: all that is said of a screen is of one dashboard."""

from __future__ import annotations

from pathlib import Path

from dashboards.boards import DASHBOARDS
from dashboards.guardian.wiring import data_of
from dashboards.server.settings import load_server
from dashboards.server.wall import Wall
from store import Row

S = 10**9
TURN_S = 30
PLAN = """
city = "Kota"
language = "id"
source = "board"
[[screens]]
number = 1
show = [{ dashboard = "siaga_water", seconds = 30 }, { dashboard = "siaga_alarms", seconds = 30 }]
takeover = true
"""
INVENTORY = """
version = 1
[[devices]]
name = "gauge-1"
label = "Duga 1"
[[sensors]]
device = "gauge-1"
id = "river"
kind = "water_level"
label = "Cikapundung"
"""


class Slow:
    """A store that has nothing, and takes until the rotation went on."""

    def __init__(self) -> None:
        self.now_ns = 1_800_000_000 * S

    async def query(self, influxql: str) -> list[Row]:
        """Answer nothing, a turn later; the next questions cost no time."""
        self.now_ns = (1_800_000_000 + TURN_S) * S
        return []


def wall(folder: Path, store: Slow) -> Wall:
    """Return a wall of one screen, whose clock is the store's."""
    (folder / "wall.toml").write_text(PLAN)
    (folder / "inventory.toml").write_text(INVENTORY)
    (folder / "password").write_text("of nobody\n")
    (folder / "password").chmod(0o600)
    (folder / "wall-server.toml").write_text(
        'plan = "wall.toml"\ninventory = "inventory.toml"\n[store]\nusername = "reader"\npassword_file = "password"\n'
    )
    return Wall(load_server(folder / "wall-server.toml"), store, lambda: store.now_ns)


async def test_the_overview_tells_of_the_dashboard_that_it_asked_for(tmp_path: Path) -> None:
    made = wall(tmp_path, Slow())
    [screen] = (await made.overview())["screens"]
    assert (screen["uid"], screen["title"]) == ("siaga_water", DASHBOARDS["siaga_water"].title.id)
    assert screen["data"]["panels"] == len([panel for panel in DASHBOARDS["siaga_water"].panels if panel.questions])
    [screen] = (await made.overview())["screens"]
    assert screen["uid"] == "siaga_alarms"


async def test_the_guardian_judges_the_data_of_the_dashboard_that_was_asked_for(tmp_path: Path) -> None:
    # All that the first could show is old; the next shows incidents alone, which are never too old.
    assert not any(panel.stale_s for panel in DASHBOARDS["siaga_alarms"].panels)
    found = await data_of(wall(tmp_path, Slow()))()
    assert found[1].sign == ("stale", "data_old")
