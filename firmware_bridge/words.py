"""What `siaga bridge` and a box say of a board, in Indonesian and English. Pure.

Every text has both languages (`TEXTS`). What is wrong with a board (`Supervision.fault`, `BoardLink.wrong`) is worded
in English where it is found; `WRONG_ID` has what to do in Indonesian, and the English stands beside it where it names a
port or a version.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Language = Literal["id", "en"]

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "no answer": ("tidak ada jawaban dalam {seconds} s", "no answer within {seconds} s"),
    "who": (
        "papan {board}, firmware {firmware}, protokol {protocol}: {buttons} tombol, {lines} jalur, {lamps} lampu, "
        "{sirens} sirene; mulai ke-{boots}, sebab reset {cause}",
        "board {board}, firmware {firmware}, protocol {protocol}: {buttons} buttons, {lines} lines, {lamps} lamps, "
        "{sirens} sirens; start {boots}, reset cause {cause}",
    ),
    "how": (
        "hidup {up} s, jalur {lines}, tombol ditekan {down}, {presses} penekanan sejak awal, {waiting} menunggu",
        "up {up} s, lines {lines}, buttons down {down}, {presses} presses ever, {waiting} events wait",
    ),
    "wire": ("kabel data: {counted}", "wire: {counted}"),
    "none": ("tidak ada", "none"),
    "well again": ("baik kembali", "well again"),
    "happened": ("{kind} {part}: {value}, nomor {number}, {when}", "{kind} {part}: {value}, number {number}, {when}"),
    "ago": ("{ms} ms lalu ±{error}", "{ms} ms ago ±{error}"),
    "no moment": ("saatnya tidak diketahui", "at an unknown moment"),
    "no button": ("tombol tak dikenal", "an unknown button"),
    "answer": ("jawaban perintah {id}: {result}", "answer to command {id}: {result}"),
    "press": ("tekan", "press"),
    "release": ("lepas", "release"),
    "line": ("jalur", "line"),
    "stuck": ("macet", "stuck"),
    "short": ("korslet", "short"),
    "pressed": ("ditekan", "pressed"),
    "normal": ("normal", "normal"),
    "open": ("putus", "open"),
    "lamp": ("lampu", "lamp"),
    "siren": ("sirene", "siren"),
    # flash
    "now": ("sekarang: {who}", "now: {who}"),
    "no firmware": ("tidak ada firmware Siaga yang menjawab", "no firmware of Siaga answers"),
    "as it was": ("papan tetap seperti semula", "the board is as it was"),
    "refused": ("ditolak: {why}", "refused: {why}"),
    "writes": (
        "menulis {firmware}, protokol {protocol}, {size} byte",
        "writing {firmware}, protocol {protocol}, {size} bytes",
    ),
    "asking": ("bertanya", "asking"),
    "writing": ("menulis", "writing"),
    "verifying": ("memeriksa", "verifying"),
    "done": ("selesai", "done"),
    "runs": ("berjalan: {who}", "runs: {who}"),
    "no hello": ("tidak ada salamnya", "it says no hello"),
    "another": ("katanya ia {who}", "it says it is {who}"),
    "written but": (
        "sudah ditulis dan dibaca kembali, tetapi {told}; tekan resetnya, lalu: siaga bridge info {port}",
        "written and read back, but {told}; press its reset, then: siaga bridge info {port}",
    ),
    "why and state": ("{why}; {state}", "{why}; {state}"),
    "silent for": ("tidak terdengar apa-apa {seconds} s: {why}", "nothing was heard for {seconds} s: {why}"),
    "untouched": ("papan tetap seperti semula: tidak ada yang ditulis", "the board is as it was: nothing was written"),
    "half": (
        "papan setengah tertulis dan tidak berjalan, tetapi boot loadernya jalan: tulis lagi",
        "the board is half written and does not run, but its boot loader does: flash it again",
    ),
    "wrongly": (
        "papan salah tertulis dan mungkin tidak berjalan, tetapi boot loadernya jalan: tulis lagi, dengan kabel lain",
        "the board is written wrongly and may not run, but its boot loader does: flash it again, by another cable",
    ),
    "read back differs": (
        "yang dibaca kembali berbeda dari yang ditulis, atau tidak terbaca",
        "what was read back is not what was written, or could not be read",
    ),
    "failed at": ("gagal pada {percent} % penulisan", "it failed at {percent} % of writing"),
    "no avrdude": ("avrdude belum ada: sudo apt install avrdude", "there is no avrdude: sudo apt install avrdude"),
    "other chip": ("cipnya lain dari tujuan berkas ini", "it is another chip than the image is for"),
    "no port": (
        "port tidak dapat dibuka; adakah port itu, dan masih dipakai agen (systemctl stop siaga-edge)?",
        "the port cannot be opened; is it there, and does the agent still have it (systemctl stop siaga-edge)?",
    ),
    "no boot loader": (
        "boot loadernya tidak menjawab; tekan reset lalu coba lagi, Nano lama perlu --baudrate 57600, "
        "dan pastikan port ini milik papan itu",
        "its boot loader does not answer; press its reset and try again, old Nanos need --baudrate 57600, "
        "and see that the port is this board's",
    ),
    "unknown board": (
        "berkas ini untuk papan {board!r}; yang dikenal: {known}",
        "the image is for a board {board!r}; known are: {known}",
    ),
    "other board": (
        "papannya {there!r}, sedangkan berkas ini untuk {board!r}",
        "the board is {there!r}, and the image is for {board!r}",
    ),
    "older": (
        "berkas ini memakai protokol {protocol}, sedangkan papan sudah memakai {there}; "
        "ambil berkas dari Siaga versi ini, atau --older",
        "the image speaks protocol {protocol}, and the board speaks {there} already; "
        "take the image of this version of Siaga, or --older",
    ),
    # the image
    "too long": ("lebih dari {most} karakter", "it has more than {most} characters"),
    "behind its end": ("baris {line}: ada isi setelah akhirnya", "line {line}: something stands behind its end"),
    "gap": (
        "baris {line}: ada celah atau urutannya salah, pada alamat {address}",
        "line {line}: a gap, or out of order, at address {address}",
    ),
    "beyond": ("baris {line}: melampaui 64 KB", "line {line}: beyond 64 KB"),
    "cut short": ("terpotong: rekaman terakhirnya tidak ada", "it is cut short: its last record is missing"),
    "not ours": (
        "ini bukan firmware Siaga, atau lebih lama dari 1.1; buat dengan: make firmware",
        "it is no firmware of Siaga, or older than 1.1; build one: make firmware",
    ),
    "damaged": ("baris {line}: bukan Intel HEX, atau rusak", "line {line}: it is no Intel HEX, or is damaged"),
    "unreadable": ("tidak terbaca: {why}", "cannot be read: {why}"),
    # selftest
    "good": ("baik", "ok  "),
    "bad": ("BURUK", "BAD "),
    "switched": (
        "{what} {index}: dinyalakan dan dimatikan; terlihat?",
        "{what} {index}: switched on and off; was it seen?",
    ),
    "did not obey": ("{what} {index}: tidak menurut", "{what} {index}: did not obey"),
    "there and back": (
        "bolak-balik: {ms} ms (nilai tengah), {lost} hilang",
        "there and back: {ms} ms in the middle, {lost} lost",
    ),
    "frames": ("bingkai: {good} baik, {bad} rusak", "frames: {good} good, {bad} damaged"),
    "board": ("papan: {how}", "board: {how}"),
    "well": ("baik", "well"),
    "line no answer": ("jalur {index}: tidak ada jawaban", "line {index}: no answer"),
    "line is": (
        "jalur {index}: {state}, pada {percent} % catu daya",
        "line {index}: {state}, at {percent} % of the supply",
    ),
}
"""Each text as Indonesian, English."""

WRONG_ID: Final[Mapping[str, str]] = {
    "silent": "papan diam 5 s: periksa catu daya, kabel, dan apakah port ini milik papan itu",
    "garbled": "data datang tetapi kacau: baudrate 115200, periksa ground dan portnya",
    "other version": "versi lain: pasang firmware dari Siaga versi ini (siaga bridge flash)",
    "no hello": "papan bicara tanpa memperkenalkan diri: tekan reset; kalau tetap, pasang firmware lagi",
    "deaf": "papan tidak mendengar: periksa kabel dari TX kotak ke RX papan (D0), atau tekan reset",
    "cannot be opened": "port tidak dapat dibuka: periksa kabelnya, pemakai lain (fuser), dan grup dialout",
    "lost": "port hilang: periksa kabel USB dan catu daya papan",
    "hung up": "port terputus: periksa kabel USB dan catu daya papan",
}
"""What to do about a board, in Indonesian, by the reason: the words before the first `: `."""

WITH_PLACE: Final = frozenset({"other version", "cannot be opened", "lost", "hung up"})
"""Reasons whose English words name a port or a version."""


@dataclass(frozen=True, slots=True)
class Text:
    """One of `TEXTS` with its values, which may be texts themselves."""

    name: str
    values: Mapping[str, object] = field(default_factory=dict)

    def words(self, language: Language) -> str:
        """Return it in a language."""
        values = {key: _in(language, value) for key, value in self.values.items()}
        return TEXTS[self.name][language == "en"].format(**values)


@dataclass(frozen=True, slots=True)
class Listed:
    """Several of something, or none."""

    parts: tuple[object, ...]

    def words(self, language: Language) -> str:
        """Return them in a language, with commas."""
        return ", ".join(str(_in(language, part)) for part in self.parts) or text("none").words(language)


def _in(language: Language, value: object) -> object:
    return value.words(language) if isinstance(value, Text | Listed) else value


def text(name: str, **values: object) -> Text:
    """Return one of `TEXTS` with its values."""
    return Text(name, values)


def default_language() -> Language:
    """Return the language of the terminal: Indonesian where `LC_ALL`, `LC_MESSAGES` or `LANG` says so, else English."""
    told = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "id" if told.startswith("id") else "en"


def wrong_words(wrong: str, language: Language) -> str:
    """Return what is wrong with a board in a language."""
    reason = wrong.partition(": ")[0]
    known = WRONG_ID.get(reason)
    if language == "en" or known is None:
        return wrong
    return f"{known} ({wrong})" if reason in WITH_PLACE else known
