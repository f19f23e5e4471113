"""What an agent tells about itself when asked, and what is on its card; and both in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import Field

from contract.messages import Books, Counts, Message, Press, Report
from contract.topics import Lane
from edge_agent.books import KILLED, LOST, POWER_CUT
from edge_agent.life_keeper import NOT_KEPT, UNREADABLE
from edge_agent.outbox.writer import Writer
from link import Session

_SHOWN_PRESSES: Final = 16
_SECOND_NS: Final = 10**9


class SessionStatus(Message):
    """One lane's session. `fault` is what a person must mend, in words; None while a lost link just comes back."""

    broker: str
    connected: bool
    connects: int
    fault: str | None = None


class OutboxStatus(Message):
    """One outbox file. `fault` is what the card refused last; `set_aside` counts damaged files since the start."""

    fault: str | None = None
    set_aside: int


class WaitingPress(Message):
    """A press that has no receipt."""

    event_id: str
    button: str
    cause: str
    status: str
    pressed_at_ns: int


class AgentStatus(Message):
    """A running agent. `presses` are those without receipt, the oldest 16; `running_s` is since its start.

    `clock_floor`: nobody has told the time, and it counts from where the last life ended. `chattering` are buttons that
    chatter, each with the presses that joined the one held back.
    """

    pid: int
    running_s: float
    report: Report
    sessions: dict[Lane, SessionStatus]
    outboxes: dict[str, OutboxStatus]
    presses: Annotated[list[WaitingPress], Field(max_length=_SHOWN_PRESSES)]
    clock_floor: bool = False
    chattering: Counts = Field(default_factory=dict)


class CardStatus(Message):
    """What waits in the files while no agent runs. `faults` are files that cannot be read, in words."""

    presses: int = 0
    unreadable: int = 0
    waiting: list[WaitingPress] = Field(default_factory=list)
    batches: int = 0
    readings: int = 0
    faults: list[str] = Field(default_factory=list)


class FileStatus(Message):
    """A file in the data folder and its size in bytes."""

    name: str
    size_bytes: int


class BoxStatus(Message):
    """A box: its agent if one answered, else its card; and the files."""

    device: str
    data_dir: str
    agent: AgentStatus | None = None
    card: CardStatus | None = None
    files: list[FileStatus] = Field(default_factory=list)


def session_status(session: Session) -> SessionStatus:
    """Return what a session is up to."""
    return SessionStatus(
        broker=str(session.endpoint), connected=session.connected, connects=session.connects, fault=session.fault
    )


def outbox_status(writer: Writer) -> OutboxStatus:
    """Return how an outbox file is."""
    return OutboxStatus(fault=writer.fault, set_aside=writer.set_aside)


def waiting_presses(presses: Iterable[Press]) -> list[WaitingPress]:
    """Return the oldest presses that wait, as they are shown."""
    return [
        WaitingPress(
            event_id=press.event_id,
            button=press.button,
            cause=press.cause,
            status=press.status,
            pressed_at_ns=press.pressed_at_ns,
        )
        for _, press in zip(range(_SHOWN_PRESSES), presses, strict=False)
    ]


def in_words(box: BoxStatus, config: str) -> str:
    """Return a box's status for a technician, Indonesian / English, a short line each.

    Args:
        box: The status.
        config: The configuration's path, for the hint how to start the agent.
    """
    lines = _agent_lines(box.device, box.agent) if box.agent is not None else _card_lines(box, config)
    lines += [f"berkas / file: {file.name} {_bytes(file.size_bytes)}" for file in box.files]
    return "\n".join(lines)


def _agent_lines(device: str, agent: AgentStatus) -> list[str]:
    report = agent.report
    running = f"agen berjalan / agent runs: pid {agent.pid}, {_duration(agent.running_s)}, {report.software}"
    lines = [
        f"{device}: {running}",
        _books("penekanan / presses", report.presses),
        *_presses(agent.presses),
        _books("bacaan / readings", report.readings),
    ]
    for lane, session in agent.sessions.items():
        if session.connected:
            lines.append(f"{lane} {session.broker}: tersambung / connected ({session.connects}x)")
        else:
            lines.append(f"{lane} {session.broker}: TERPUTUS / NOT CONNECTED")
            if session.fault is None:
                lines.append("  → periksa jaringan dan broker / check the network and the broker")
        if session.fault is not None:
            lines.append(f"  → {session.fault}")
    trusted = "tepercaya / trusted" if report.clock != "none" else "BELUM tepercaya / NOT trusted yet"
    lines.append(f"jam / clock: {report.clock}, {trusted}, {_moment(report.timestamp_ns)}")
    lines += _clock_hints(agent)
    lines += _restart_hints(report)
    for button, joined in agent.chattering.items():
        lines.append(f"tombol {button} BERDERAU / CHATTERS: {joined} penekanan digabung / presses joined into one")
        lines.append("  → periksa tombol dan kabelnya, lepaskan bila perlu / check the button and its cable")
    for name, outbox in agent.outboxes.items():
        if outbox.fault is not None:
            lines.append(f"{name}: RUSAK / FAULT: {outbox.fault}")
            lines.append("  → periksa kartu: penuh, hanya-baca? / check the card: full, read-only? (df -h, dmesg)")
        if outbox.set_aside:
            lines.append(f"{name}: {outbox.set_aside} berkas rusak disisihkan / damaged files set aside")
    for sensor, counters in report.sensors.items():
        lines.append(f"sensor {sensor}: {_counts(counters) or 'belum ada data / nothing yet'}")
    lines.append(f"gangguan / faults: {_counts(report.faults) or 'tidak ada / none'}")
    return lines


def _clock_hints(agent: AgentStatus) -> list[str]:
    faults = agent.report.faults
    lines = []
    if agent.clock_floor:
        lines.append("  waktu dihitung dari akhir jalan terakhir / the time counts from where the last run ended")
    if agent.report.clock == "none":
        lines.append("  → beri jam: jaringan (NTP), GPS, atau pusat / it needs NTP, a GPS fix, or the centre's link")
    if faults.get(UNREADABLE) or faults.get(NOT_KEPT):
        lines.append("  waktu tidak tersimpan di kartu / times are not kept on the card")
        lines.append("  → periksa kartu: penuh, hanya-baca? / check the card: full, read-only? (df -h, dmesg)")
    return lines


def _restart_hints(report: Report) -> list[str]:
    lines = []
    if lost := report.readings.dropped.get(LOST, 0):
        lines.append(
            f"{lost} bacaan hilang karena agen dimatikan paksa / readings lost because the agent was killed; "
            "lihat / see: journalctl -u siaga-edge"
        )
    if report.faults.get(POWER_CUT):
        lines.append(
            "listrik terputus: bacaan terakhir hilang, jumlahnya tidak diketahui / "
            "power was cut: the last readings are lost, their number is not known"
        )
        lines.append("  → periksa catu daya dan baterai / check the power supply and its battery")
    if report.faults.get(KILLED):
        lines.append(
            "agen dimatikan paksa, jumlah bacaan hilang tidak diketahui / "
            "the agent was killed, how many readings are lost is not known"
        )
        lines.append("  → runtime_dir harus di tmpfs dan tetap ada / must be on tmpfs and be preserved")
    return lines


def _card_lines(box: BoxStatus, config: str) -> list[str]:
    lines = [f"{box.device}: agen tidak berjalan / no agent runs in {box.data_dir}"]
    if box.card is not None:
        card = box.card
        lines.append(f"di kartu / on the card: {card.presses} penekanan / presses")
        lines += _presses(card.waiting)
        lines.append(f"di kartu / on the card: {card.readings} bacaan / readings ({card.batches} batch)")
        if card.unreadable:
            lines.append(f"{card.unreadable} penekanan tak terbaca / presses unreadable, kept in alarms.db")
        lines += [f"RUSAK / FAULT: {fault}" for fault in card.faults]
    lines.append(f"  → jalankan / start it: siaga-edge --config {config}")
    return lines


def _books(what: str, books: Books) -> str:
    dropped = sum(books.dropped.values())
    reasons = f" ({_counts(books.dropped)})" if dropped else ""
    balanced = books.produced == books.receipted + books.waiting + dropped
    return (
        f"{what}: {books.produced} = {books.receipted} diterima / receipted + {books.waiting} menunggu / waiting"
        f" + {dropped} dibuang / dropped{reasons}{'' if balanced else ' TIDAK COCOK / DO NOT BALANCE'}"
    )


def _presses(presses: list[WaitingPress]) -> list[str]:
    return [
        f"  menunggu / waiting: {press.button} {press.cause} {press.status} {_moment(press.pressed_at_ns)}"
        for press in presses
    ]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count)


def _moment(time_ns: int) -> str:
    try:
        return datetime.fromtimestamp(time_ns // _SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{time_ns} ns"


def _duration(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}"


def _bytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1_000_000 else f"{size / 1e3:.1f} kB"
