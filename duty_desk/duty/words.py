"""What commands and checks of the roster say, Indonesian and English. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from duty_desk.access.words import Language, default_language

__all__ = ["TEXTS", "Language", "default_language", "say"]

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "level_error": ("salah", "error"),
    "level_warning": ("periksa", "warning"),
    "place_old": ("jadwal yang berlaku, baris {place}", "the roster in force, line {place}"),
    # The file
    "too_large": ("lebih dari {most} byte; apakah ini berkas jadwal?", "more than {most} bytes; is it the roster?"),
    "not_utf8": (
        "bukan UTF-8; di Excel simpan sebagai 'CSV UTF-8 (dipisahkan koma)'",
        "not UTF-8; in Excel save it as 'CSV UTF-8 (comma delimited)'",
    ),
    "not_csv": (
        "bukan CSV; di Excel simpan sebagai 'CSV UTF-8 (dipisahkan koma)', bukan .xlsx",
        "not CSV; in Excel save it as 'CSV UTF-8 (comma delimited)', not as .xlsx",
    ),
    "not_csv_line": (
        "tanda kutip tidak ditutup ({reason}); hapus tanda kutip itu",
        "a quotation mark is not closed ({reason}); remove it",
    ),
    "empty": (
        "tidak ada shift di dalamnya; contoh baris: jaga;Pagi;Senin-Jumat;07:00;15:00;petugas-1",
        "there is no shift in it; example of a line: shift;Pagi;Mon-Fri;07:00;15:00;petugas-1",
    ),
    "too_many_rows": (
        "lebih dari {most} baris; hapus pengecualian yang sudah lewat",
        "more than {most} lines; remove exceptions that are over",
    ),
    "bad_column": (
        "tidak ada kolom {column!r}; yang ada: {known}",
        "there is no column {column!r}; there are: {known} (or in English)",
    ),
    "column_twice": ("kolom {column!r} ada dua kali; hapus satu", "the column {column!r} is there twice; remove one"),
    "no_column": (
        "baris pertama tidak punya kolom {columns}; tambahkan",
        "the first line lacks the column {columns}; add it",
    ),
    # A line
    "bad_kind": ("jenis {text!r} tidak ada; yang ada: {known}", "there is no kind {text!r}; there are: {known}"),
    "bad_role": ("peran {text!r} tidak ada; yang ada: {known}", "there is no role {text!r}; there are: {known}"),
    "nobody_named": (
        "tidak ada nama akun di kolom siapa; contoh: petugas-1, petugas-2",
        "nobody is named in the column who; example: petugas-1, petugas-2",
    ),
    "named_twice": ("{who} tertulis dua kali di baris ini; hapus satu", "{who} stands in this line twice; remove one"),
    "no_shift": ("shift ini tidak punya nama; contoh: Pagi", "this shift has no name; example: Pagi"),
    "long_shift": (
        "nama shift lebih dari {most} huruf; pendekkan",
        "the shift's name has over {most} letters; shorten it",
    ),
    "bad_time": (
        "{text!r} bukan jam; tulis seperti 07:00, sampai 24:00",
        "{text!r} is no time; write it as 07:00, up to 24:00",
    ),
    "begins_24": (
        "shift tidak bisa mulai jam 24:00; tulis 00:00 dan hari berikutnya",
        "a shift cannot begin at 24:00; write 00:00 and the next day",
    ),
    "bad_date": (
        "{text!r} bukan tanggal; tulis 2026-12-01, atau 01/12/2026 (hari dulu)",
        "{text!r} is no date; write 2026-12-01, or 01/12/2026 (the day first)",
    ),
    "no_such_date": (
        "tanggal {text!r} tidak ada; hari ditulis dulu, lalu bulan: 01/12/2026",
        "there is no date {text!r}; the day is written first, then the month: 01/12/2026",
    ),
    "bad_days": (
        "{text!r} bukan hari; tulis Senin-Jumat, atau Sabtu, Minggu; kosong berarti setiap hari",
        "{text!r} are no days; write Mon-Fri, or Sat, Sun; nothing means every day",
    ),
    "until_before_from": (
        "sampai {last} sebelum dari {first}; tukar keduanya",
        "until {last} is before from {first}; swap the two",
    ),
    "by_in_plan": (
        "pengganti {by} hanya untuk jenis sakit, cuti dan tukar; isi kolom jenis",
        "a replacement ({by}) goes with sick, leave and swap only; fill in the column kind",
    ),
    "no_date": (
        "pengecualian tanpa tanggal; isi kolom dari, seperti 2026-12-01",
        "an exception without a date; fill in from, such as 2026-12-01",
    ),
    "no_by": ("tukar dengan siapa? isi kolom pengganti", "swapped with whom? fill in the column by"),
    "extra_no_shift": ("tambah ke shift mana? isi kolom shift", "extra in which shift? fill in the column shift"),
    "extra_by": (
        "jenis tambah tidak punya pengganti; tulis {by} di kolom siapa",
        "extra has no replacement; write {by} in the column who",
    ),
    "by_self": ("{who} tidak bisa menggantikan diri sendiri", "{who} cannot stand in for themselves; name another"),
    "twice": ("sama dengan baris {before}; hapus satu", "the same as line {before}; remove one"),
    # The whole
    "no_account": (
        "tidak ada akun {who}; buat dulu: siaga desk user add {who}",
        "there is no account {who}; first: siaga desk user add {who}",
    ),
    "no_account_near": (
        "tidak ada akun {who}; maksudnya {near}? daftar: siaga desk user list",
        "there is no account {who}; is {near} meant? the list: siaga desk user list",
    ),
    "account_disabled": (
        "akun {who} dinonaktifkan; ganti orangnya, atau: siaga desk user enable {who}",
        "the account {who} is disabled; name another, or: siaga desk user enable {who}",
    ),
    "role_officer": (
        "{who} berperan {role}, bukan petugas atau pengawas; ganti orangnya",
        "{who} has the role {role}, not officer or supervisor; name another",
    ),
    "role_supervisor": (
        "{who} berperan {role}, bukan pengawas; ganti orangnya, atau peran di baris ini",
        "{who} has the role {role}, not supervisor; name another, or change this line's role",
    ),
    "overlap": (
        "{who} ada di {other} (baris {row}) dan {shift} sekaligus, pertama kali {day}; ganti salah satu",
        "{who} is in {other} (line {row}) and {shift} at once, first on {day}; change one of them",
    ),
    "gap": (
        "tidak ada petugas dari {begin} sampai {end}; tambahkan shift, atau izinkan dengan --allow-gaps",
        "no officer from {begin} to {end}; add a shift, or allow it with --allow-gaps",
    ),
    "gaps_more": ("dan {count} waktu kosong lagi", "and {count} further gaps"),
    "gap_supervisor": (
        "ada waktu tanpa pengawas di jadwal; semua pengawas dipanggil saat itu",
        "there are times without a supervisor in it; all supervisors are called then",
    ),
    "ends": (
        "jadwal berakhir {end}; impor jadwal berikutnya sebelum itu",
        "the roster ends at {end}; import the next one before",
    ),
    "over": ("jadwal sudah berakhir {end}; perpanjang kolom sampai", "the roster ended at {end}; extend until"),
    "change_idle": (
        "{who} tidak punya shift {shift} pada {first}; periksa nama, shift dan tanggal",
        "{who} has no shift {shift} on {first}; look at name, shift and date",
    ),
    # What people are called for
    "call": ("GANGGUAN PIKET: {what}", "FAULT OF DUTY: {what}"),
    "call_nobody": ("tidak ada petugas bertugas", "nobody is on duty"),
    "call_gap": ("tidak ada petugas mulai {detail}", "nobody on duty from {detail}"),
    "call_consoles": ("layar yang berbunyi {detail}", "screens that ring {detail}"),
    "call_channel": ("{who} tidak bisa dipanggil", "{who} cannot be reached"),
    "call_unconfirmed": ("{who} belum konfirmasi", "{who} has not confirmed"),
    "call_roster": ("jadwal tidak terbaca", "the roster cannot be read"),
    "call_text": (
        "Tekanan tombol mungkin tidak sampai ke siapa pun. Lihat halaman piket.",
        "A press may reach nobody. See the page of duty.",
    ),
    # The commands
    "good": ("{file}: jadwal baik", "{file}: the roster is good"),
    "refused": (
        "tidak diimpor: {count} salah; jadwal lama tetap berlaku",
        "not imported: {count} errors; the roster before stays",
    ),
    "imported": (
        "jadwal diimpor: {people} orang, {rows} baris; meja piket memakainya dalam 5 detik",
        "roster imported: {people} people, {rows} lines; the desk takes it over within 5 s",
    ),
    "imported_from": ("jadwal lama berlaku sampai {last}", "the roster before holds until {last}"),
    "no_roster": (
        "belum ada jadwal; semua petugas dianggap bertugas. Impor: siaga desk roster import FILE",
        "there is no roster; every officer counts as on duty. Import one: siaga desk roster import FILE",
    ),
    "cannot_read": ("{path} tidak bisa dibaca: {reason}", "{path} cannot be read: {reason}"),
    "cannot_write": ("{path} tidak bisa ditulis: {reason}", "{path} cannot be written: {reason}"),
    "not_recorded": (
        "sudah diimpor, tetapi tidak tercatat di {path}: {reason}",
        "imported, but not recorded in {path}: {reason}",
    ),
    "now": ("sekarang", "now"),
    "nobody": ("TIDAK ADA PETUGAS", "NOBODY ON DUTY"),
    "supervisors": ("pengawas", "supervisors"),
}


def say(language: Language, text: str, /, **values: object) -> str:
    """Return one of `TEXTS` in a language."""
    return TEXTS[text][language == "en"].format(**values)
