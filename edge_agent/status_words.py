"""A box's status in words, Indonesian or English, for a technician with a telephone: what is wrong comes first, and no
line is longer than 80 columns, but a command to be copied. Pure.

Every text has both languages (`TEXTS`). A fault's own words are English, as its part worded them; `FAULTS_ID` has what
to do in Indonesian, and the English stands below it where it names a place, such as a port.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from textwrap import wrap
from typing import Final, Literal

from contract.messages import Books, Report
from edge_agent.books import KILLED, LOST, POWER_CUT
from edge_agent.count_words import COUNTS_ID
from edge_agent.faults import reason
from edge_agent.life_keeper import NOT_KEPT, UNREADABLE
from edge_agent.status import AgentStatus, BoxStatus, ConfigStatus, FaultStatus, ReadingStatus, WaitingPress
from firmware_bridge.words import WITH_PLACE, WRONG_ID

Language = Literal["id", "en"]
COLUMNS: Final = 80
_SECOND_NS: Final = 10**9
_MOST_FIELDS: Final = 8

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "runs": (
        "{device}: agen berjalan {time} (pid {pid}, siaga {version})",
        "{device}: agent runs {time} (pid {pid}, siaga {version})",
    ),
    "no agent": ("{device}: agen tidak berjalan di {folder}", "{device}: no agent runs in {folder}"),
    "start it": ("jalankan: siaga-edge --config {config}", "start it: siaga-edge --config {config}"),
    "well": ("Tidak ada gangguan.", "No faults."),
    "faults": ("GANGGUAN: {count}", "FAULTS: {count}"),
    "over": ("selesai {over} lalu: {what}: {words}", "over since {over}: {what}: {words}"),
    "lasting": ("sudah {time}", "for {time}"),
    "button": ("tombol {id}: {state}, lampu {lamp}", "button {id}: {state}, lamp {lamp}"),
    "pressed": ("DITEKAN", "PRESSED"),
    "released": ("lepas", "released"),
    "lamp off": ("mati", "off"),
    "lamp kept": ("kedip lambat: baru di kotak ini", "slow blink: only this box has it"),
    "lamp not_delivered": ("tiga kilat: TIDAK TERKIRIM", "three flashes: NOT DELIVERED"),
    "lamp received": ("kedip cepat: posko sudah terima", "fast blink: the desk has it"),
    "lamp accepted": ("nyala: petugas menangani", "solid: an officer answers"),
    "output on": ("{what}: BERBUNYI, {left} lagi", "{what}: ON, for {left} more"),
    "output off": ("{what}: mati", "{what}: off"),
    "siren": ("sirene", "siren"),
    "beacon": ("lampu rotari", "beacon"),
    "chatters": (
        "tombol {id} BERDERAU: {count} penekanan digabung; periksa tombol dan kabelnya, lepaskan bila perlu",
        "button {id} CHATTERS: {count} presses joined into one; check the button and its cable",
    ),
    "sensor": ("sensor {id} ({driver}):", "sensor {id} ({driver}):"),
    "box": ("kotak:", "box:"),
    "nothing yet": ("belum ada data", "nothing yet"),
    "ago": ("{age} lalu", "{age} ago"),
    "counts": ("hitungan: {counts}", "counted: {counts}"),
    "threshold": ("ambang {id}: {state}, nilai {value}", "threshold {id}: {state}, value {value}"),
    "normal": ("normal", "normal"),
    "pending": ("terlampaui, menunggu", "beyond, waiting"),
    "raised": ("TERLAMPAUI, alarm terkirim", "BEYOND, alarm sent"),
    "config file": ("konfigurasi: berkas di kotak ini", "configuration: the file on the box"),
    "config confirmed": (
        "konfigurasi: kiriman versi {version}, dikukuhkan",
        "configuration: pushed version {version}, confirmed",
    ),
    "config trial": (
        "konfigurasi: kiriman versi {version} SEDANG DICOBA",
        "configuration: pushed version {version} ON TRIAL",
    ),
    "push refused": ("kiriman terakhir DITOLAK: {why}", "last push REFUSED: {why}"),
    "push reverted": ("kiriman versi {version} DIKEMBALIKAN: {why}", "pushed version {version} TAKEN BACK: {why}"),
    "push overruled": (
        "kiriman versi {version} dikalahkan: berkas di kotak diubah sesudahnya",
        "pushed version {version} overruled: the file on the box was changed afterwards",
    ),
    "presses": ("penekanan", "presses"),
    "readings": ("bacaan", "readings"),
    "books": (
        "{what}: {produced} = {receipted} diterima + {waiting} menunggu + {dropped} dibuang{why}",
        "{what}: {produced} = {receipted} receipted + {waiting} waiting + {dropped} dropped{why}",
    ),
    "unbalanced": ("TIDAK COCOK", "DO NOT BALANCE"),
    "receipt": ("tanda terima terakhir {age} lalu", "last receipt {age} ago"),
    "no receipt": ("belum ada tanda terima", "no receipt yet"),
    "waiting": ("menunggu: {button} {cause} {status} {time}", "waiting: {button} {cause} {status} {time}"),
    "connected": ("jalur {lane}: tersambung ke {broker} ({count}x)", "lane {lane}: connected to {broker} ({count}x)"),
    "not connected": ("jalur {lane}: TERPUTUS dari {broker}", "lane {lane}: NOT CONNECTED to {broker}"),
    "check network": ("periksa jaringan dan broker", "check the network and the broker"),
    "clock": ("jam: {source}, {trust}, {time}", "clock: {source}, {trust}, {time}"),
    "trusted": ("tepercaya", "trusted"),
    "untrusted": ("BELUM tepercaya", "NOT trusted yet"),
    "floor": ("waktu dihitung dari akhir jalan terakhir", "the time counts from where the last run ended"),
    "give clock": (
        "beri jam: jaringan (NTP), GPS, atau sambungan ke pusat",
        "it needs NTP, a GPS fix, or the centre's link",
    ),
    "not kept": ("waktu tidak tersimpan di kartu", "times are not kept on the card"),
    "check card": (
        "periksa kartu: penuh, hanya-baca? (df -h, dmesg)",
        "check the card: full, read-only? (df -h, dmesg)",
    ),
    "killed": (
        "{count} bacaan hilang karena agen dimatikan paksa; lihat: journalctl -u siaga-edge",
        "{count} readings lost because the agent was killed; see: journalctl -u siaga-edge",
    ),
    "power": (
        "listrik terputus: bacaan terakhir hilang, jumlahnya tidak diketahui",
        "power was cut: the last readings are lost, their number is not known",
    ),
    "check power": ("periksa catu daya dan baterai", "check the power supply and its battery"),
    "killed unknown": (
        "agen dimatikan paksa, jumlah bacaan hilang tidak diketahui",
        "the agent was killed, how many readings are lost is not known",
    ),
    "runtime_dir": ("runtime_dir harus di tmpfs dan tetap ada", "runtime_dir must be on tmpfs and be preserved"),
    "outbox fault": ("{name}: RUSAK: {fault}", "{name}: FAULT: {fault}"),
    "aside": ("{name}: {count} berkas rusak disisihkan", "{name}: {count} damaged files set aside"),
    "on card presses": ("di kartu: {count} penekanan", "on the card: {count} presses"),
    "on card readings": (
        "di kartu: {count} bacaan ({batches} kumpulan)",
        "on the card: {count} readings ({batches} batches)",
    ),
    "unreadable": (
        "{count} penekanan tak terbaca, disimpan di alarms.db",
        "{count} presses unreadable, kept in alarms.db",
    ),
    "card fault": ("RUSAK: {fault}", "FAULT: {fault}"),
    "file": ("berkas: {files}", "files: {files}"),
    "counted": ("gangguan sejak mulai: {counts}", "faults since the start: {counts}"),
    "none": ("tidak ada", "none"),
}
"""Each text as Indonesian, English."""

FAULTS_ID: Final[Mapping[str, str]] = {
    "sensor line lost": "jalur putus: periksa kabel dan catu daya sensor",
    "sensor no reading": "tidak ada bacaan: periksa catu daya dan kabel; lihat yang masuk: siaga edge read",
    "sensor garbled": "jalur kacau: periksa baudrate, kabel, dan driver",
    "sensor sensor error": "sensor melaporkan galat: bersihkan lubang udara dan kipasnya; kalau tetap, ganti",
    "sensor silent": "tidak menjawab: periksa catu daya, kabel A dan B, alamat, baudrate, dan paritas",
    "sensor partly silent": "sebagian register tidak dijawab: periksa peta register; coba join_gap = 0",
    "sensor refused": "perangkat menolak permintaan: periksa alamat register pada peta",
    "sensor unreadable": "tidak terbaca: periksa kabel, catu daya, dan resistor pull-up",
    "sensor hangs": "kernel tidak menjawab: lihat dmesg, lalu matikan dan hidupkan sensor",
    "sensor quiet": "tidak ada pulsa: periksa baling-baling atau bejana jungkit, sakelar, dan kabelnya",
    "sensor no fix": "belum dapat posisi: antena harus melihat langit; periksa kabelnya",
    "sensor outside area": "posisi di luar wilayah: periksa `area` di box.toml; kalau benar, ganti penerima",
    "sensor jump": "posisi melompat: hidupkan ulang penerima; kalau tetap, ganti",
    "sensor hemisphere flip": "belahan bumi terbalik: hidupkan ulang penerima; kalau tetap, ganti",
    "sensor stale": "yang datang sudah lama: hidupkan ulang alat di antara penerima dan kotak ini",
    "sensor not gpsd": "yang menjawab bukan gpsd: periksa host dan port",
    "sensor no receiver": "gpsd tanpa penerima: isi DEVICES di /etc/default/gpsd, lalu mulai ulang gpsd",
    "sensor receiver gone": "gpsd kehilangan penerima: periksa kabelnya",
    "sensor failed": "driver gagal dan dimulai lagi; lihat: journalctl -u siaga-edge",
    **{f"board {why}": words for why, words in WRONG_ID.items()},
    "button open": "jalur putus: kabelnya putus atau lepas, atau resistor ujungnya lepas",
    "button short": "jalur korslet: kedua kawatnya bersentuhan; periksa sepanjang kabel",
    "button is not there": "papan tidak punya tombol atau jalur itu: periksa nomor pada uri",
    "button stuck": "macet: ditekan terus; periksa tombol, korsleting kabel, dan `active` pada uri",
    "button line lost": "jalur putus: periksa kabel tombol",
    "button failed": "gagal dan dimulai lagi; lihat: journalctl -u siaga-edge",
    "siren refused": "papan menolak sirene: pasang firmware dari Siaga versi ini, periksa nomor pada uri",
    "beacon refused": "papan menolak lampu rotari: pasang firmware dari Siaga versi ini, periksa nomor pada uri",
    "siren lost": "sirene tidak dapat dibunyikan: periksa kabel dan relainya",
    "beacon lost": "lampu rotari tidak dapat dinyalakan: periksa kabel dan relainya",
    "commands no key": "perintah posko tidak dituruti: salin commands.pub dari pusat",
    "lamp refused": "papan menolak lampu: pasang firmware dari Siaga versi ini, periksa nomor pada uri",
    "lamp lost": "lampu tidak dapat dinyalakan: periksa kabel lampu",
    "lane not connected": "tidak tersambung: periksa jaringan dan broker",
    "lane refused": "broker menolak: periksa sertifikat dan hak akses kotak ini",
    "card refuses": "kartu tidak dapat ditulis: penuh atau hanya-baca? df -h, dmesg",
    "card stands still": "kartu tidak menjawab: periksa dmesg, ganti kartu bila berulang",
    "presses not delivered": "penekanan BELUM SAMPAI: hubungi posko, lalu periksa kedua jalur",
    "clock not trusted": "jam belum tepercaya: perlu jaringan (NTP), GPS, atau sambungan ke pusat",
    "box under-voltage": "tegangan kurang: pakai catu daya 5,1 V 3 A dan kabel lebih pendek",
    "box hot": "prosesor terlalu panas: teduhkan kotak, bersihkan ventilasi",
    "box throttled": "prosesor diperlambat: periksa catu daya dan pendinginan",
    "box card nearly full": "kartu hampir penuh: lihat isinya (du -xh / | sort -h)",
    "box card worn": "kartu hampir habis umur: segera ganti",
    "box on battery": "listrik padam, memakai baterai: periksa sekring dan meteran",
    "box no link": "tidak ada jaringan: periksa kabel, SIM, dan antena",
    "box weak signal": "sinyal lemah: putar atau tinggikan antena",
    "box little memory": "memori hampir habis: lihat pemakainya (ps aux --sort=-rss | head)",
}
"""What to do about a fault, in Indonesian, by the first word of what has it and its reason."""

_WITH_PLACE: Final = frozenset(
    {"line lost", "lost", "no key", "refused", "refuses", "stands still", "not connected", "failed", "is not there"}
    | WITH_PLACE
)


def default_language() -> Language:
    """Return the language of the terminal: Indonesian where `LC_ALL`, `LC_MESSAGES` or `LANG` says so, else English."""
    told = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "id" if told.startswith("id") else "en"


def say(language: Language, text: str, **values: object) -> str:
    """Return one of `TEXTS` in a language."""
    return TEXTS[text][language == "en"].format(**values)


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
    return known, own if reason(fault.words) in _WITH_PLACE else None


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
