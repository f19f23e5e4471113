"""The wall as it stands: what each screen shows now, and the wake-up of those that wait for a change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from contract import topics
from contract.errors import BodyError
from contract.messages import Heartbeat, IncidentMessage, decode
from dashboards.boards import DASHBOARDS
from dashboards.model import Dashboard
from dashboards.plan import Screen
from dashboards.server.asking import Asked, Asking
from dashboards.server.drill import DrillHeard
from dashboards.server.grafana import Grafana
from dashboards.server.guests import Guests
from dashboards.server.panels import Panels
from dashboards.server.roster import Roster
from dashboards.server.scene import scene
from dashboards.server.settings import Server
from dashboards.server.takeover import Takeover

HOLD_S: Final = 15.0
"""How long a screen's question is held when nothing changes."""
MAX_HELD: Final = 200
"""Screens' questions held at once; a further one is answered at once."""
HELD_BY_ADDRESS: Final = 60
"""Of one address: all 24 screens of a machine, and each once more while it loads anew."""
TICK_S: Final = 0.5
_SENSOR_TABLES: Final = (
    ("siaga_water", "gauges", "level_m"),
    ("siaga_air", "stations", "pm2_5_ugm3"),
    ("siaga_weather", "stations", "temperature_c"),
)
_log = logging.getLogger("siaga.wall")


class Wall:
    """All screens.

    Args:
        server: The configuration.
        store: The store, open.
        time_ns: The centre's clock.
    """

    def __init__(self, server: Server, store: Asked, time_ns: Callable[[], int] = time.time_ns) -> None:
        self.server = server
        self.plan = server.plan
        self._time_ns = time_ns
        self.panels = Panels(Asking(store, self.now_ms), Roster(server.inventory), self.now_ms)
        self.guests = Guests(server.plan)
        screens = [screen.number for screen in server.plan.screens if screen.takeover]
        self.takeover = Takeover(screens, server.plan.takeover_s)
        self.drill = DrillHeard()
        grafana = server.settings.grafana
        self.grafana = None if grafana is None else Grafana(grafana.url, self.changed, self.now_ms)
        self.run_id = f"{time_ns():x}"
        self.version = 0
        self.reloads: dict[int, int] = {}
        self.brokers: dict[str, bool] = dict.fromkeys(server.brokers, False)
        self.faults: Callable[[], Mapping[int, Mapping[str, Any]]] = dict
        """What a judge says of each screen: `state`, `reasons`, `since_ms`; empty without a judge."""
        self._waiting: set[asyncio.Event] = set()
        self._held: Counter[str] = Counter()
        self._shown: dict[int, str] = {}
        self._drill: str | None = None

    def now_ms(self) -> int:
        """Return the centre's time in ms since 1970."""
        return self._time_ns() // 1_000_000

    def changed(self) -> None:
        """Wake every screen that waits."""
        self.version += 1
        for event in self._waiting:
            event.set()

    # Incidents

    def hear(self, topic: str, body: bytes, retained: bool) -> None:
        """Hear an incident or the desk's heartbeat from a broker; what is none is told in the log."""
        if topic == topics.HEARTBEAT:
            self._hear_desk(body, retained)
            return
        try:
            message = decode(IncidentMessage, body)
        except BodyError as error:
            _log.warning("%s: not an incident: %s", topic, error)
            return
        if self.takeover.hear(message, self._time_ns()):
            self._shown = self.takeover.shown(self._time_ns())
            self.changed()

    def _hear_desk(self, body: bytes, retained: bool) -> None:
        if retained:
            return
        try:
            self.drill.hear(decode(Heartbeat, body), self._time_ns())
        except BodyError as error:
            _log.warning("%s: not a heartbeat: %s", topics.HEARTBEAT, error)
            return
        self._look_at_drill()

    def _look_at_drill(self) -> None:
        drill = self.drill.running(self._time_ns())
        if drill != self._drill:
            self._drill = drill
            self.changed()

    async def watch(self) -> None:
        """Give back the screens whose time is over, for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            self._look_at_drill()
            shown = self.takeover.shown(self._time_ns())
            if shown != self._shown:
                self._shown = shown
                self.changed()

    async def scene(self, incident_id: str, language: str) -> dict[str, Any] | None:
        """Return an incident as a screen shows it, or None when there is none of this name."""
        message = self.takeover.known(incident_id)
        if message is None:
            return None
        vehicles, *tables = await asyncio.gather(
            self.panels.answer("siaga_vehicles", "map", language=language),
            *(self.panels.answer(uid, key, language=language) for uid, key, _ in _SENSOR_TABLES),
        )
        values = {}
        for (_, _, field), table in zip(_SENSOR_TABLES, tables, strict=True):
            for row in table["rows"]:
                tags, value = row["tags"], row["cells"].get(field)
                if not table["no_answer"] and not row["stale"] and value is not None:
                    values[tags.get("device", ""), tags.get("sensor", "")] = {
                        "field": field,
                        "value": value,
                        "level": row["levels"].get(field),
                        "newest_ms": row["newest_ms"],
                    }
        made = scene(
            message,
            self.server.inventory,
            [] if vehicles["no_answer"] else _positions(vehicles),
            values,
            now_ms=self.now_ms(),
            others=self.takeover.others(self._time_ns()),
        )
        return made | {"no_answer": vehicles["no_answer"]}

    # Screens

    def state(self, screen: Screen) -> dict[str, Any]:
        """Return what a screen shows now, and all it needs to go on by itself."""
        incident_id = self.takeover.shown(self._time_ns()).get(screen.number)
        source = screen.source
        if source == "grafana" and (self.grafana is None or not self.grafana.up):
            source = "board"
        return {
            "version": f"{self.run_id}-{self.version}",
            "number": screen.number,
            "city": self.plan.city,
            "attribution": self.server.attribution,
            "language": screen.language,
            "theme": screen.theme,
            "source": source,
            "planned": screen.source,
            "grafana": None if self.grafana is None else self.grafana.up,
            "rotation": [
                {"uid": show.uid, "seconds": show.seconds, "title": DASHBOARDS[show.uid].title.of(screen.language)}
                for show in screen.rotation
            ],
            "range_s": screen.range_s,
            "device": screen.device,
            "sensor": screen.sensor,
            "incident": incident_id,
            "drill": self._drill,
            "reload": self.reloads.get(screen.number, 0),
            "now_ms": self.now_ms(),
        }

    async def next_state(self, screen: Screen, seen: str, address: str = "") -> dict[str, Any]:
        """Return what a screen shows, as soon as it is other than what it has seen, or after 15 s."""
        state = self.state(screen)
        many = len(self._waiting) >= MAX_HELD or self._held[address] >= HELD_BY_ADDRESS
        if state["version"] != seen or many:
            return state
        event = asyncio.Event()
        self._waiting.add(event)
        self._held[address] += 1
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HOLD_S):
                    await event.wait()
        finally:
            self._waiting.discard(event)
            self._held[address] -= 1
            if not self._held[address]:
                del self._held[address]
        return self.state(screen)

    def showing(self, screen: Screen) -> Dashboard:
        """Return the dashboard a rotation has come to: by the clock, so that a new page goes on where it was."""
        whole = sum(show.seconds for show in screen.rotation)
        at = (self.now_ms() / 1_000) % whole
        for show in screen.rotation:
            if at < show.seconds:
                return DASHBOARDS[show.uid]
            at -= show.seconds
        return DASHBOARDS[screen.rotation[-1].uid]

    def reload(self, number: int) -> None:
        """Have a screen load its page again."""
        self.reloads[number] = self.reloads.get(number, 0) + 1
        self.changed()

    async def overview(self) -> dict[str, Any]:
        """Return all screens for the index page."""
        shown = self.takeover.shown(self._time_ns())
        # Looked up once: a rotation goes on while the store is asked.
        boards = {screen.number: self.showing(screen) for screen in self.plan.screens}
        keys = {screen.number: _key(screen, boards[screen.number]) for screen in self.plan.screens}
        asked: dict[tuple[Any, ...], asyncio.Task[dict[str, Any]]] = {}
        for key in keys.values():
            if key not in asked:
                uid, device, sensor, range_s, language = key
                health = self.panels.health(uid, device=device, sensor=sensor, range_s=range_s, language=language)
                asked[key] = asyncio.create_task(health, name="wall-health")
        healths = dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
        faults = self.faults()
        return {
            "city": self.plan.city,
            "now_ms": self.now_ms(),
            "no_answer_since_ms": self.panels.asking.no_answer_since_ms,
            "grafana": None if self.grafana is None else self.grafana.up,
            "brokers": self.brokers,
            "screens": [
                {
                    "number": screen.number,
                    "uid": boards[screen.number].uid,
                    "title": boards[screen.number].title.of(screen.language),
                    "titles": {one: boards[screen.number].title.of(one) for one in ("id", "en")},
                    "source": self.state(screen)["source"],
                    "planned": screen.source,
                    "rotation": len(screen.rotation),
                    "incident": shown.get(screen.number),
                    "fault": faults.get(screen.number),
                    "data": _short(healths[keys[screen.number]]),
                }
                for screen in self.plan.screens
            ],
        }


def _key(screen: Screen, board: Dashboard) -> tuple[str, str, str, int | None, str]:
    return board.uid, screen.device or "", screen.sensor or "", screen.range_s, screen.language


def _short(health: dict[str, Any]) -> dict[str, Any]:
    return {
        "newest_ms": health["newest_ms"],
        "quiet": health["quiet"],
        "stale": len(health["stale"]),
        "panels": health["panels"],
        "silent": len(health["silent"]),
    }


def _positions(answer: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for question in answer["questions"]:
        if question["ref"] != "A":
            continue
        for series in question["series"]:
            row = dict(zip(question["columns"], series["rows"][-1], strict=True))
            if series["newest_ms"] is not None and row.get("latitude") is not None and row.get("longitude") is not None:
                found.append(
                    {
                        "name": series["tags"].get("device", ""),
                        "label": series["label"],
                        "latitude": row["latitude"],
                        "longitude": row["longitude"],
                        "course_deg": row.get("course_deg"),
                        "speed_mps": row.get("speed_mps"),
                        "newest_ms": series["newest_ms"],
                    }
                )
    return found
