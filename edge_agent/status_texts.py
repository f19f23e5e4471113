"""What a box's status says, each text in Indonesian and English, and what to do about a fault, in Indonesian."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, Literal

from firmware_bridge.words import WITH_PLACE, WRONG_ID

Language = Literal["id", "en"]

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

NAMES_PLACE: Final = frozenset(
    {"line lost", "lost", "no key", "refused", "refuses", "stands still", "not connected", "failed", "is not there"}
    | WITH_PLACE
)
"""Reasons whose own words say where."""


def default_language() -> Language:
    """Return the language of the terminal: Indonesian where `LC_ALL`, `LC_MESSAGES` or `LANG` says so, else English."""
    told = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "id" if told.startswith("id") else "en"


def say(language: Language, text: str, **values: object) -> str:
    """Return one of `TEXTS` in a language."""
    return TEXTS[text][language == "en"].format(**values)
