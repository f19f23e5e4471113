"""A box's status in words, Indonesian or English, for a technician with a telephone: what is wrong comes first, and no
line is longer than 80 columns, but a command to be copied. Pure.

The texts are those of `status_texts.py`. A fault's own words are English, as its part worded them; `FAULTS_ID` has what
to do in Indonesian, and the English stands below it where it names a place, such as a port.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from textwrap import wrap
from typing import Final

from contract.messages import Books, Report
from edge_agent.books import KILLED, LOST, POWER_CUT
from edge_agent.count_words import COUNTS_ID
from edge_agent.faults import reason
from edge_agent.life_keeper import NOT_KEPT, UNREADABLE
from edge_agent.status import AgentStatus, BoxStatus, ConfigStatus, FaultStatus, ReadingStatus, WaitingPress
from edge_agent.status_texts import FAULTS_ID, NAMES_PLACE, TEXTS, Language, say

COLUMNS: Final = 80
_SECOND_NS: Final = 10**9
_MOST_FIELDS: Final = 8


def in_words(box: BoxStatus, config: str, language: Language = "en") -> str:
    """Return a box's status for a technician.

    Args:
        box: The status.
        config: The configuration's path, for the hint how to start the agent.
        language: The language.
    """
    words = _Words(language)
    lines = words.agent(box.device, box.agent) if box.agent is not None else words.card(box, config)
    if box.files:
        files = ", ".join(f"{file.name} {_bytes(file.size_bytes)}" for file in box.files)
        lines.append(say(language, "file", files=files))
    return "\n".join(part for line in lines for part in _fold(line))


def fault_words(fault: FaultStatus, language: Language) -> tuple[str, str | None]:
    """Return what a fault says in a language, and its own English words where they say more."""
    known = FAULTS_ID.get(f"{fault.what.partition(' ')[0]} {reason(fault.words)}")
    own = fault.words
    if fault.what.startswith("box "):
        own = own.partition(": ")[2] or own
    if language == "en" or known is None:
        return own, None
    return known, own if reason(fault.words) in NAMES_PLACE else None


class _Words:
    def __init__(self, language: Language) -> None:
        self._language: Language = language

    def say(self, text: str, **values: object) -> str:
        return say(self._language, text, **values)

    def agent(self, device: str, agent: AgentStatus) -> list[str]:
        report = agent.report
        running = _duration(agent.running_s)
        lines = [self.say("runs", device=device, time=running, pid=agent.pid, version=report.software)]
        lines += self._faults(agent)
        for button in agent.buttons:
            state = self.say("pressed" if button.pressed else "released")
            lines.append(self.say("button", id=button.id, state=state, lamp=self.say(f"lamp {button.lamp}")))
        for output in agent.outputs:
            what, left = self.say(output.id), _duration(output.left_s)
            lines.append(self.say("output on" if output.on else "output off", what=what, left=left))
        lines += [self.say("chatters", id=button, count=count) for button, count in agent.chattering.items()]
        lines += self._sensors(agent)
        for threshold in agent.thresholds:
            value = "-" if threshold.value is None else f"{threshold.value:g}"
            lines.append(self.say("threshold", id=threshold.id, state=self.say(threshold.state), value=value))
        lines += [self._books("presses", report.presses, agent.receipt_ages_s.get("alarm"))]
        lines += self._waiting(agent.presses)
        lines += [self._books("readings", report.readings, agent.receipt_ages_s.get("telemetry"))]
        lines += [*self._lanes(agent), *self._clock(agent), *self._restarts(report), *self._outboxes(agent)]
        lines += self._config(agent.config)
        lines.append(self.say("counted", counts=_counts(report.faults) or self.say("none")))
        for fault in agent.cleared:
            told, _ = fault_words(fault, self._language)
            lines.append(self.say("over", over=_duration(fault.over_s or 0), what=fault.what, words=told))
        return lines

    def card(self, box: BoxStatus, config: str) -> list[str]:
        lines = [self.say("no agent", device=box.device, folder=box.data_dir)]
        if (card := box.card) is not None:
            lines += [self.say("on card presses", count=card.presses), *self._waiting(card.waiting)]
            lines.append(self.say("on card readings", count=card.readings, batches=card.batches))
            if card.unreadable:
                lines.append(self.say("unreadable", count=card.unreadable))
            lines += [self.say("card fault", fault=fault) for fault in card.faults]
        return [*lines, "  → " + self.say("start it", config=config)]

    def _faults(self, agent: AgentStatus) -> list[str]:
        if not agent.faults:
            return [self.say("well")]
        lines = [self.say("faults", count=len(agent.faults))]
        for fault in agent.faults:
            told, own = fault_words(fault, self._language)
            lines.append(f"! {fault.what}, {self.say('lasting', time=_duration(fault.lasts_s))}")
            lines.append(f"  → {told}")
            lines += [] if own is None else [f"    ({own})"]
        return lines

    def _sensors(self, agent: AgentStatus) -> list[str]:
        lines = []
        for sensor in agent.sensors:
            is_box = sensor.driver == "health"
            lines.append(self.say("box") if is_box else self.say("sensor", id=sensor.id, driver=sensor.driver))
            lines += [f"  {self._reading(reading, sensor.id)}" for reading in sensor.readings]
            counts = self._counted(agent.report.sensors.get(sensor.id, {}))
            if counts:
                lines.append(f"  {self.say('counts', counts=counts)}")
            if not counts and not sensor.readings:
                lines.append(f"  {self.say('nothing yet')}")
        return lines

    def _counted(self, counts: Mapping[str, int]) -> str:
        if self._language == "en":
            return _counts(counts)
        return _counts({COUNTS_ID.get(name, name): count for name, count in counts.items()})

    def _reading(self, reading: ReadingStatus, sensor: str) -> str:
        fields = list(reading.fields.items())
        shown = " ".join(f"{name}={_value(name, value)}" for name, value in fields[:_MOST_FIELDS])
        more = " …" if len(fields) > _MOST_FIELDS else ""
        part = "" if reading.sensor == sensor else f"{reading.sensor} "
        return f"{part}{reading.kind}, {self.say('ago', age=_age(reading.age_s))}: {shown}{more}"

    def _books(self, what: str, books: Books, receipt_s: float | None) -> str:
        dropped = sum(books.dropped.values())
        why = f" ({_counts(books.dropped)})" if dropped else ""
        if books.produced != books.receipted + books.waiting + dropped:
            why += f" {self.say('unbalanced')}"
        numbers = {"produced": books.produced, "receipted": books.receipted, "waiting": books.waiting}
        told = self.say("books", what=self.say(what), dropped=dropped, why=why, **numbers)
        receipt = self.say("no receipt") if receipt_s is None else self.say("receipt", age=_age(receipt_s))
        return f"{told}; {receipt}"

    def _waiting(self, presses: list[WaitingPress]) -> list[str]:
        return [
            "  "
            + self.say(
                "waiting",
                button=press.button,
                cause=press.cause,
                status=press.status,
                time=_moment(press.pressed_at_ns),
            )
            for press in presses
        ]

    def _lanes(self, agent: AgentStatus) -> list[str]:
        lines = []
        for lane, session in agent.sessions.items():
            text = "connected" if session.connected else "not connected"
            lines.append(self.say(text, lane=lane, broker=session.broker, count=session.connects))
            if session.fault is not None:
                lines.append(f"  → {session.fault}")
            elif not session.connected:
                lines.append(f"  → {self.say('check network')}")
        return lines

    def _clock(self, agent: AgentStatus) -> list[str]:
        report = agent.report
        trust = self.say("untrusted" if report.clock == "none" else "trusted")
        lines = [self.say("clock", source=report.clock, trust=trust, time=_moment(report.timestamp_ns))]
        if agent.clock_floor:
            lines.append(f"  {self.say('floor')}")
        if report.clock == "none":
            lines.append(f"  → {self.say('give clock')}")
        if report.faults.get(UNREADABLE) or report.faults.get(NOT_KEPT):
            lines += [f"  {self.say('not kept')}", f"  → {self.say('check card')}"]
        return lines

    def _restarts(self, report: Report) -> list[str]:
        lines = []
        if lost := report.readings.dropped.get(LOST, 0):
            lines.append(self.say("killed", count=lost))
        if report.faults.get(POWER_CUT):
            lines += [self.say("power"), f"  → {self.say('check power')}"]
        if report.faults.get(KILLED):
            lines += [self.say("killed unknown"), f"  → {self.say('runtime_dir')}"]
        return lines

    def _config(self, config: ConfigStatus | None) -> list[str]:
        if config is None or (config.last is None and config.version is None):
            return []
        lines = [self.say(f"config {config.standing}", version=config.version)]
        last = config.last
        if last is not None and f"push {last.outcome}" in TEXTS:
            why = ": ".join(part for part in (last.reason, last.detail) if part)
            lines.append(self.say(f"push {last.outcome}", version=last.version, why=why))
        return lines

    def _outboxes(self, agent: AgentStatus) -> list[str]:
        lines = []
        for name, outbox in agent.outboxes.items():
            if outbox.fault is not None:
                lines += [self.say("outbox fault", name=name, fault=outbox.fault), f"  → {self.say('check card')}"]
            if outbox.set_aside:
                lines.append(self.say("aside", name=name, count=outbox.set_aside))
        return lines


def _fold(line: str) -> list[str]:
    """Break a line at 80 columns, what follows indented further; a command stays whole, so that it can be copied."""
    if " --config " in line:
        return [line]
    indent = " " * (len(line) - len(line.lstrip(" ")) + 4)
    return wrap(line, COLUMNS, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False) or [""]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count)


def _value(name: str, value: object) -> str:
    if isinstance(value, int | float) and name.endswith("_bytes"):
        return _bytes(value).replace(" ", "")
    if isinstance(value, int | float) and name == "uptime_s":
        return _duration(value)
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def _moment(time_ns: int) -> str:
    try:
        return datetime.fromtimestamp(time_ns // _SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{time_ns} ns"


def _age(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else _duration(seconds)


def _duration(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}"


def _bytes(size: float) -> str:
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 1_000_000 else f"{size / 1e3:.1f} kB"
