"""The desk itself: what happens, in order, when an alarm comes or an officer acts.

Everything here runs on the event loop and returns without waiting: ring first, then lamp, receipt and record. The
ledger commits in its own thread meanwhile and reports back with `committed`.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from contract import topics
from contract.errors import BodyError, TopicError
from contract.messages import AlarmReceipt, Heartbeat, Lamps, Report, Status, decode, encode
from contract.topics import Lane
from duty_desk.bells import Bells
from duty_desk.channels.pager import Pager
from duty_desk.command_key import NO_KEY, CommandKey
from duty_desk.commander import Commander
from duty_desk.duty.duty import Duty
from duty_desk.duty.roster_disk import RosterDisk
from duty_desk.duty.settings import DutySettings
from duty_desk.errors import LedgerFullError, UnknownIncidentError
from duty_desk.incidents.board import Board, Seen
from duty_desk.incidents.clock import Now
from duty_desk.incidents.entries import CallEntry, DutyEntry, ErasedEntry, EscalatedEntry, PressEntry, StartedEntry
from duty_desk.incidents.incident import Incident
from duty_desk.incidents.intake import Alarm, read_alarm
from duty_desk.incidents.lamps import Versions, lamps_of
from duty_desk.incidents.records import Record
from duty_desk.incidents.retelling import Retelling
from duty_desk.ledger.writer import Ledger
from duty_desk.presence import Presence
from duty_desk.ringing import Policy, Ringing
from duty_desk.supervision import Supervision
from duty_desk.synthetic.synthetic import Synthetic, is_test
from duty_desk.web.push import Push
from duty_desk.web.veil import veiled
from duty_desk.web.view import Places, incident_message, incident_view, json_bytes, reach_view, spot

MAX_DEVICES: Final = 10_000
"""Devices outside the inventory that are remembered for their lamps."""
MAX_HELD: Final = 10_000
"""Steps of escalations that wait until the ledger takes more."""

_log = logging.getLogger("siaga.desk")


class Outlet(Protocol):
    """What takes messages to both brokers; it must not block."""

    def send(self, topic: str, body: bytes) -> None:
        """Send a message soon."""

    def lamps(self, device: str) -> None:
        """Send the lamps of a device soon, as they are then."""


class DutyDesk:
    """Incidents, pages, lamps, receipts and ledger, brought together.

    Args:
        name: The desk's name in its heartbeat.
        places: The inventory.
        outlet: Takes messages to the brokers.
        now_ns: The centre's clock.
        policy: Who rings when.
        monotonic_ns: The monotonic clock.
        roster: Who is on duty when; None for one that nobody looks for.
        duty: What is asked of those who are.
        command_key: What signs the commands to boxes, such as to sound a siren.
    """

    def __init__(
        self,
        name: str,
        places: Places,
        outlet: Outlet,
        now_ns: Now,
        policy: Policy | None = None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        roster: RosterDisk | None = None,
        duty: DutySettings = DutySettings(),  # noqa: B008 - it is frozen
        command_key: CommandKey = NO_KEY,
    ) -> None:
        self.name = name
        self.places = places
        self.board = Board()
        self.push = Push(lambda: json_bytes(self.state()), veiled_snapshot=lambda: json_bytes(self.state(veil=True)))
        self.refused: Counter[str] = Counter()
        self.links: dict[Lane, bool] = {"alarm": False, "telemetry": False}
        self.faults: dict[Lane, str] = {}
        self.accounts_fault: str | None = None
        self.desks_wrong: dict[str, str] = {}
        """What is wrong with the desk that stands by, where there are two, and which desk should not be there."""
        self.may_act: Callable[[], bool] = lambda: True
        """Whether pages may be sent now; what is due meanwhile is sent with a later tick."""
        self.failing: dict[str, str] = {}
        self.ringing = Ringing(policy or Policy(), now_ns, monotonic_ns, spot=partial(spot, places=places))
        self.paged: set[str] = set()
        """Incidents of whose pages there is news since the last tick."""
        buttons = set(places.devices_with_buttons())
        self.presence = Presence(places.devices_with_buttons(), now_ns())
        self.buttonless = Presence((device for device in places.devices() if device not in buttons), now_ns())
        """Boxes without a button, which no page but `/synthetic` tells of."""
        self.supervision = Supervision(places.devices())
        self.ledger: Ledger
        self.pager: Pager | None = None
        self._outlet = outlet
        self.commander = Commander(outlet, command_key, now_ns, monotonic_ns)
        self.commander.watched = frozenset(() if policy is None else policy.sirens)
        self.synthetic = Synthetic(
            places,
            outlet,
            self.commander,
            now_ns=now_ns,
            monotonic_ns=monotonic_ns,
            busy=self._cannot_be_tested,
            links=lambda: self.links,
        )
        self.bells = Bells(now_ns, monotonic_ns, self.note)
        self.drill: Callable[[], dict[str, Any] | None] = lambda: None
        """Tells the drill that runs."""
        self._revision = 0
        self._held: deque[Record] = deque(maxlen=MAX_HELD)
        self._retelling = Retelling()
        self._now_ns = now_ns
        self.duty = Duty(
            roster or RosterDisk(Path("roster.csv"), duty.zone),
            duty,
            now_ns=now_ns,
            monotonic_ns=monotonic_ns,
            note=self.note,
        )
        self.duty.clock = lambda: self.board.clock
        self.duty.consoles = lambda: self.ringing.screens.counts()["rings"]
        self._versions = Versions(now_ns() // 1_000_000)
        self._devices: dict[str, None] = dict.fromkeys(places.devices())
        self.push.run = str(now_ns() // 1_000_000)

    def attach(self, pager: Pager) -> None:
        """Let people be paged, beside the screens that ring."""
        self.pager = pager
        self.ringing.escalation.use(pager.channels)
        self.ringing.outlook = pager.outlook
        pager.refresh()

    # From the brokers

    def hear(self, lane: Lane, topic: str, body: bytes, retained: bool) -> None:
        """Take a message from a broker."""
        if topic.startswith(topics.bell("")):
            if not retained:
                self.bells.hear(topic, body)
            return
        try:
            up = topics.parse_up(topic)
        except TopicError as error:
            self._refuse("topic", error)
            return
        if up.kind == "status":
            self._hear_status(up.device, lane if up.lane == lane else None, body, retained)
        elif up.kind == "alarm" and retained:
            # Whoever retained it, it is not happening now.
            self.refused["retained alarm"] += 1
            _log.warning("a retained alarm of %s is not taken for a new one", up.device)
        elif up.kind == "reply" and not retained:
            self.commander.hear(up.device, body)
        elif up.kind == "report":
            self._hear_report(up.device, body)
        elif up.kind == "alarm":
            self._hear_alarm(read_alarm(up.device, body), lane)

    def _hear_status(self, device: str, lane: Lane | None, body: bytes, retained: bool) -> None:
        try:
            status = decode(Status, body)
        except BodyError as error:
            self._refuse("status", error)
            return
        if lane is not None:
            for presence in (self.presence, self.buttonless):
                presence.hear(device, lane, status.state, self._now_ns(), retained=retained)
        if status.state == "online":
            self._outlet.lamps(device)
            if not any(incident.unanswered for incident in self.board.active()):
                self.commander.found(device)
        self._know(device)

    def _hear_report(self, device: str, body: bytes) -> None:
        try:
            self.supervision.hear(device, decode(Report, body))
        except BodyError as error:
            self._refuse("report", error)

    def link(self, lane: Lane, up: bool) -> None:
        """Take note that the connection to a lane's broker stands, or was lost."""
        self.links[lane] = up
        for presence in (self.presence, self.buttonless):
            presence.link(lane, up, self._now_ns())

    def watch(self) -> None:
        """Look which devices and screens are there, once a second, and tell the pages what changed."""
        self.commander.round()
        self.buttonless.round()
        if self.presence.round():
            self.push.send("reach", json_bytes(reach_view(self.presence, self.places)))
        screens = self.ringing.screens.round()
        if screens is not None:
            self.push.send("screens", json_bytes({"screens": screens}))

    def tick(self) -> bool:
        """Let those ring who are due to, several times a second; return whether more are due at once."""
        reached = self.ringing.tick(self.board)
        for incident in reached.incidents:
            self._ring(incident)
        waited = [self._held.popleft() for _ in range(len(self._held))]
        for record in waited + reached.records:
            self._queue_step(record)
        for incident in reached.incidents:
            self._tell(incident)
        for command in self.ringing.commands(self.board):
            self.commander.tell(command)
        if self.pager is not None:
            self.pager.tick()
        if self.paged:
            self.push.send("pages", json_bytes({"incidents": sorted(self.paged)}))
            self.paged.clear()
        return reached.more

    def tell_again(self) -> None:
        """Tell the brokers how incidents stand once more, for those who came late or missed a message."""
        for incident in self._retelling.due(self.board.active(), self.board.ended(), self._now_ns()):
            self._tell(incident)

    def _hear_alarm(self, alarm: Alarm, lane: Lane) -> None:
        if alarm.fault is not None:
            self.refused[f"alarm: {alarm.fault.partition(':')[0]}"] += 1
        seen = self.board.seen(alarm)
        if seen is not None:
            self._repeat(alarm, seen)
            return
        if is_test(alarm):
            self.synthetic.hear(alarm, lane)
            return
        record = self.board.press(alarm, lane, self._now_ns())
        incident = self.board.apply(record)
        assert incident is not None
        self.board.unrecorded(record)
        reached = self.ringing.begin(self.board, incident)
        (incident,) = reached.incidents
        self._ring(incident, rings=alarm.key)
        self._queue(record)
        for step in reached.records:
            self._queue_step(step)
        self._receipt(alarm, incident.id, recorded=False)
        self._outlet.lamps(alarm.device)
        self._tell(incident)
        self._page(incident)
        self._know(alarm.device)
        if alarm.incomplete:
            _log.warning("%s: an incomplete alarm rings: %s", alarm.device, alarm.fault)

    def _repeat(self, alarm: Alarm, seen: Seen) -> None:
        if seen.record is not None and not seen.waiting:
            # The ledger was full when it came first; its box keeps it, so here it is again.
            self._queue(seen.record)
        self._receipt(alarm, seen.incident_id, recorded=seen.recorded)

    # From people, by way of acts.py

    def enact(self, record: Record) -> dict[str, Any]:
        """Let happen what somebody does, and return the incident as the page takes it.

        Raises:
            LedgerFullError: Nothing more can be kept.
        """
        self.ledger.append(record)
        incident = self.board.apply(record)
        assert incident is not None
        self.board.unrecorded(record)
        self.board.queued(record)
        rings = record.entry.key if isinstance(record.entry, CallEntry) else None
        reached = self.ringing.begin(self.board, incident)
        (incident,) = reached.incidents
        view = self._ring(incident, rings)
        for step in reached.records:
            self._queue_step(step)
        if incident.device is not None:
            self._outlet.lamps(incident.device)
        self._tell(incident)
        self._page(incident)
        return view

    def note(self, record: Record) -> None:
        """Write down what no officer did to an incident, as far as the ledger takes it."""
        changed = self.board.apply(record)
        self.duty.take(record)
        self._queue(record)
        if changed is not None and isinstance(record.entry, DutyEntry):
            self._ring(changed)
            self._tell(changed)

    def view(self, incident: Incident) -> dict[str, Any]:
        """Return an incident as the page takes it, under a new revision."""
        return self._view(incident)

    # From the ledger

    def adopt(self, board: Board, epoch_ms: int, software: str) -> None:
        """Take over the board the ledger told, with what happened since the start on top of it."""
        dropped: list[Record] = []
        for record in self.ledger.waiting():
            entry = record.entry
            seen = board.seen(entry.alarm) if isinstance(entry, PressEntry) else None
            # A step of an incident that only repeats opened goes with them.
            stray = isinstance(entry, EscalatedEntry) and not board.knows(entry.incident_id)
            if seen is None and not stray:
                board.replay_waiting(record)
            else:
                dropped.append(record)
        board.clock = self.board.clock
        self.board = board
        self._held.clear()  # they were not replayed, so they come due again
        self._versions.raise_to(epoch_ms)
        self.ledger.release(dropped)
        self._queue(
            Record(StartedEntry(at_ns=self._now_ns(), at_clock=self.board.clock, desk=self.name, software=software))
        )
        for record in dropped:
            if isinstance(record.entry, PressEntry):
                self._receipt(record.entry.alarm, record.entry.incident_id, recorded=True)
        for incident in board.active():
            if incident.device is not None:
                self._know(incident.device)
        self.push.send("snapshot", json_bytes(self.state()), json_bytes(self.state(veil=True)))

    def committed(self, records: list[Record], head: str) -> None:
        """Send the receipts that wait for a commit, and take the mark off the pages."""
        whole = self.board.committed(records)
        for record in records:
            if isinstance(record.entry, PressEntry):
                self._receipt(record.entry.alarm, record.entry.incident_id, recorded=True, head=head)
        for incident_id in whole:
            with contextlib.suppress(UnknownIncidentError):
                self._ring(self.board.find(incident_id))

    def others(self, records: list[Record]) -> None:
        """Take what another process wrote into the ledger: erased texts are forgotten here too."""
        for record in records:
            if isinstance(record.entry, ErasedEntry):
                self.push.forget()
                with contextlib.suppress(UnknownIncidentError):
                    self.board.apply(record)
                    self._ring(self.board.find(record.entry.incident_id))

    # What the desk says

    def heartbeat(self) -> Heartbeat:
        """Return that the desk lives."""
        drill = self.drill()
        return Heartbeat(
            desk=self.name,
            timestamp_ns=self._now_ns(),
            open_incidents=len(self.board.active()),
            recording=self.ledger.recording,
            ledger_head=self.ledger.head,
            tests=self.synthetic.told(),
            drill=None if drill is None else drill["name"],
        )

    def lamps(self, device: str) -> Lamps:
        """Return the whole state of a device's lamps under a new version."""
        return lamps_of(
            device,
            self.places.buttons(device),
            self.board.of_device(device),
            version=self._versions.next(),
            now_ns=self._now_ns(),
        ).model_copy(update={"run": self.push.run})

    def devices(self) -> list[str]:
        """Return the devices whose lamps are kept up."""
        return list(self._devices)

    def beat(self) -> dict[str, Any]:
        """Return the desk's health as the pages show it."""
        return {
            "now_ms": self._now_ns() // 1_000_000,
            "recording": self.ledger.recording,
            "ledger_fault": self.ledger.fault,
            "ledger_broken": self.ledger.broken,
            "ledger_checked_rows": self.ledger.checked_rows,
            "links": dict(self.links),
            "faults": dict(self.faults),
            "accounts_fault": self.accounts_fault,
            "failing": dict(self.failing),
            "sirens": self.commander.wrong | self.bells.wrong,
            "desks": dict(self.desks_wrong),
            "bells": self.bells.sounding,
            "drill": self.drill(),
            "channels": {} if self.pager is None else dict(self.pager.faults()),
            "duty": self.duty.beat(),
        }

    def state(self, *, veil: bool = False) -> dict[str, Any]:
        """Return everything a page shows; with `veil` without what people told."""
        views = [self._view(incident) for incident in self.board.active() + self.board.ended()]
        return {
            **self.beat(),
            "desk": self.name,
            "refused": dict(self.refused),
            "reach": reach_view(self.presence, self.places),
            "screens": self.ringing.screens.view(),
            "incidents": [veiled(view) for view in views] if veil else views,
        }

    # Inside

    def _queue(self, record: Record) -> None:
        try:
            self.ledger.append(record)
        except LedgerFullError as error:
            _log.error("not recorded yet: %s", error)
            return
        self.board.queued(record)

    def _queue_step(self, record: Record) -> None:
        """Hand a step of an escalation to the ledger, after the press it is about; else hold it until the next tick."""
        entry = record.entry
        assert isinstance(entry, EscalatedEntry)
        known = self.board.knows(entry.incident_id)
        if not known or self.board.kept(self.board.find(entry.incident_id)):
            with contextlib.suppress(LedgerFullError):
                self.ledger.append(record)
                return
        self._held.append(record)

    def _view(self, incident: Incident) -> dict[str, Any]:
        self._revision += 1
        recorded = self.board.recorded(incident.id)
        return incident_view(incident, self.places, recorded=recorded, revision=self._revision)

    def _ring(self, incident: Incident, rings: str | None = None) -> dict[str, Any]:
        """Push an incident to the pages; `rings` names the alarm that is new."""
        view = self._view(incident)
        hidden = veiled(view)
        self.push.send(
            "incident",
            json_bytes({"rings": rings, "incident": view}),
            None if hidden is view else json_bytes({"rings": rings, "incident": hidden}),
        )
        self.ringing.screens.sent(view["revision"])
        return view

    def _receipt(self, alarm: Alarm, incident_id: str, *, recorded: bool, head: str | None = None) -> None:
        receipt = AlarmReceipt(
            device=alarm.device,
            stage="stored" if recorded else "ringing",
            event_id=alarm.event_id,
            body_sha256=alarm.body_sha256,
            incident_id=incident_id,
            ledger_head=(head or self.ledger.head) if recorded else None,
        )
        self._outlet.send(topics.alarm_receipt(alarm.device), encode(receipt))

    def _tell(self, incident: Incident) -> None:
        self._outlet.send(topics.INCIDENT, encode(incident_message(incident, self.places, self.ledger.head)))

    def _page(self, incident: Incident) -> None:
        if self.pager is not None and incident.unanswered and self.may_act():
            self.pager.look((incident,))

    def _cannot_be_tested(self) -> frozenset[str]:
        missing = (one.device for one in self.presence.missing)
        handled = (incident.device for incident in self.board.active() if incident.device is not None)
        return frozenset((*missing, *handled))

    def _know(self, device: str) -> None:
        if len(self._devices) < MAX_DEVICES:
            self._devices[device] = None

    def _refuse(self, what: str, error: TopicError | BodyError) -> None:
        self.refused[f"{what}: {error.reason}"] += 1
        _log.warning("refused: %s: %s", what, error)
