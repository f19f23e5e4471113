"""What the desk knows of the bells in the duty room. Pure: bodies and time go in, records and words come out.

Rules:
- A bell that sounded while the desk was dead tells of it once the desk is back, again and again; the ledger has each of
  its events once, also over a restart: `detail` names the bell and the moment, and what is there is not noted again.
- Until the ledger's past is known, nothing is noted: the bell tells again within 10 s.
- A bell that says nothing for MISSING_NS is a fault on every page, and so is what it says is wrong with itself. One
  that is named in the settings must be there; another is missed once it was heard.
- One that sounds, or was silenced while something stands, is on every page until it says otherwise or says nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from contract import topics
from contract.bell import BellReport
from contract.errors import BodyError
from contract.messages import decode
from duty_desk.duty.records import duty_record
from duty_desk.incidents.entries import DutyEntry, DutyWhat
from duty_desk.incidents.records import Record

MISSING_NS: Final = 25 * 10**9
MAX_BELLS: Final = 16
MAX_KNOWN: Final = 1_000
OLD_NS: Final = 7 * 86_400 * 10**9
"""Older events are not noted: the ledger's past is read for a day more than that."""
NO_ANSWER: Final = "no answer"
_WHAT: Final[dict[str, DutyWhat]] = {"sounded": "bell_sounded", "silenced": "bell_silenced"}


class Bells:
    """The bells of a desk.

    Args:
        now_ns: The centre's clock.
        monotonic_ns: The monotonic clock.
        note: Takes a record for the ledger.
    """

    def __init__(
        self, now_ns: Callable[[], int], monotonic_ns: Callable[[], int], note: Callable[[Record], None]
    ) -> None:
        self.refused = 0
        self._now_ns = now_ns
        self._monotonic_ns = monotonic_ns
        self._note = note
        self._heard_ns: dict[str, int] = {}
        self._faults: dict[str, str] = {}
        self._sounding: dict[str, dict[str, Any]] = {}
        self._noted: OrderedDict[str, None] | None = None

    def expect(self, names: Iterable[str]) -> None:
        """Miss these bells from now on, until they are heard."""
        for name in names:
            self._heard_ns.setdefault(name, self._monotonic_ns())

    def adopt(self, past: Iterable[Record]) -> None:
        """Take what the ledger has of bells already."""
        self._noted = OrderedDict()
        for record in past:
            entry = record.entry
            if isinstance(entry, DutyEntry) and entry.what in _WHAT.values() and entry.detail is not None:
                self._remember(_key(entry.what, entry.detail))

    def hear(self, topic: str, body: bytes) -> None:
        """Take what a bell says of itself; its name is that of its topic, as only that bell may write there."""
        try:
            report = decode(BellReport, body)
        except BodyError:
            self.refused += 1
            return
        name = report.bell
        if topic != topics.bell(name) or (name not in self._heard_ns and len(self._heard_ns) >= MAX_BELLS):
            self.refused += 1
            return
        self._heard_ns[name] = self._monotonic_ns()
        if report.faults:
            self._faults[name] = "; ".join(report.faults)[:300]
        else:
            self._faults.pop(name, None)
        now_ns = self._now_ns()
        self._sounding.pop(name, None)
        if report.sounding or report.silenced:
            self._sounding[name] = _sounding(report, now_ns)
        if self._noted is None:
            return
        for event in report.events:
            what = _WHAT[event.what]
            moment = datetime.fromtimestamp(event.at_ns / 1e9, UTC).isoformat(timespec="milliseconds")
            detail = f"{name} {moment} {event.why}"[:120].rstrip()
            if _key(what, detail) not in self._noted and now_ns - event.at_ns < OLD_NS:
                self._remember(_key(what, detail))
                self._note(duty_record(what, at_ns=now_ns, detail=detail))

    @property
    def wrong(self) -> dict[str, str]:
        """What is wrong with each bell that is relied on, in words, or `no answer`."""
        now_ns = self._monotonic_ns()
        missing = {name: NO_ANSWER for name, heard_ns in self._heard_ns.items() if now_ns - heard_ns >= MISSING_NS}
        return dict(self._faults) | missing

    @property
    def sounding(self) -> list[dict[str, Any]]:
        """What sounds, or is silenced while something stands, as the pages show it: which bell, `reasons` that stand,
        `why` it began, `since_ms`."""
        missing_ns = self._monotonic_ns() - MISSING_NS
        return [told for name, told in sorted(self._sounding.items()) if self._heard_ns[name] > missing_ns]

    def _remember(self, key: str) -> None:
        assert self._noted is not None
        self._noted[key] = None
        while len(self._noted) > MAX_KNOWN:
            self._noted.popitem(last=False)


def _key(what: str, detail: str) -> str:
    """Return what names an event: its kind, its bell and its moment, but not its words."""
    return " ".join((what, *detail.split(" ")[:2]))


def _sounding(report: BellReport, now_ns: int) -> dict[str, Any]:
    """Return how a bell sounds. Ages are by its own clock, so that they are right where that is wrong."""
    since_ns, why = report.timestamp_ns, ""
    for event in reversed(report.events):
        if report.sounding and event.what == "silenced":
            break
        since_ns, why = event.at_ns, event.why
        if not report.sounding:
            break
    return {
        "bell": report.bell,
        "silenced": not report.sounding,
        "reasons": list(report.reasons),
        "why": why,
        "since_ms": (now_ns - max(0, report.timestamp_ns - since_ns)) // 1_000_000,
    }
