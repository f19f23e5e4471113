"""What the commands on accounts and tokens say, Indonesian and English. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, Literal

Language = Literal["id", "en"]

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "added": ("akun {name} ({role}) dibuat", "account {name} ({role}) added"),
    "password_set": (
        "kata sandi {name} diganti; semua sesinya berakhir",
        "password of {name} changed; all its sessions end",
    ),
    "role_set": (
        "peran {name} sekarang {role}; semua sesinya berakhir",
        "{name} has the role {role} now; all its sessions end",
    ),
    "disabled": (
        "akun {name} dinonaktifkan; semua sesinya berakhir",
        "account {name} disabled; all its sessions end",
    ),
    "enabled": ("akun {name} diaktifkan", "account {name} enabled"),
    "sessions_ended": ("semua sesi {name} berakhir", "all sessions of {name} end"),
    "token_added": (
        "token {name} dibuat, hanya bisa membaca; ditampilkan sekali ini saja:",
        "token {name} added, for reading only; it is shown this once:",
    ),
    "token_removed": ("token {name} dihapus", "token {name} removed"),
    "password": ("Kata sandi: ", "Password: "),
    "again": ("Sekali lagi: ", "Once more: "),
    "active": ("aktif", "active"),
    "off": ("nonaktif", "disabled"),
    "used": ("dipakai {time}", "used {time}"),
    "since": ("sejak {time}", "since {time}"),
    "not_recorded": (
        "sudah dilakukan, tetapi tidak tercatat di {path}: {reason}",
        "done, but not recorded in {path}: {reason}",
    ),
    "cannot_open": ("{path} tidak bisa dipakai: {reason}", "{path} cannot be used: {reason}"),
    "cannot_read": ("{path} tidak bisa dibaca: {reason}", "{path} cannot be read: {reason}"),
    "differ": ("kedua kata sandi tidak sama; ulangi", "the two passwords differ; try again"),
    "no_terminal": (
        "tidak ada terminal untuk mengetik kata sandi; pakai --password-file",
        "no terminal to type the password at; use --password-file",
    ),
    "bad_name": (
        "{name!r} tidak bisa jadi nama: 1 sampai 40 huruf kecil a-z, angka, titik, garis; contoh: petugas-1",
        "{name!r} cannot be a name: 1 to 40 of a-z, digits, dots, dashes and underscores; example: petugas-1",
    ),
    "bad_display": (
        "nama tampilan: 1 sampai {most} huruf biasa; contoh: 'Petugas 1'",
        "the shown name: 1 to {most} plain letters; example: 'Petugas 1'",
    ),
    "bad_role": ("tidak ada peran {role}; yang ada: {roles}", "there is no role {role}; there are: {roles}"),
    "short_password": (
        "kata sandi terlalu pendek: paling sedikit {least} huruf",
        "the password is too short: at least {least} characters",
    ),
    "long_password": (
        "kata sandi terlalu panjang: paling banyak {most} huruf",
        "the password is too long: at most {most} characters",
    ),
    "password_is_name": ("kata sandi sama dengan nama; pilih yang lain", "the password is the name; choose another"),
    "name_taken": (
        "akun {name} sudah ada; untuk kata sandi baru: siaga desk user set-password {name}",
        "the account {name} exists; for a new password: siaga desk user set-password {name}",
    ),
    "display_taken": (
        "nama tampilan {display} sudah dipakai akun lain; pilih yang lain dengan --display",
        "another account is shown as {display}; choose another with --display",
    ),
    "no_account": (
        "tidak ada akun {name}; lihat: siaga desk user list",
        "there is no account {name}; see: siaga desk user list",
    ),
    "token_taken": (
        "token {name} sudah ada; hapus dulu: siaga desk token remove {name}",
        "the token {name} exists; first: siaga desk token remove {name}",
    ),
    "no_token": (
        "tidak ada token {name}; lihat: siaga desk token list",
        "there is no token {name}; see: siaga desk token list",
    ),
    "too_many_accounts": ("sudah ada {most} akun, itu batasnya", "there are {most} accounts, which is the limit"),
    "too_many_tokens": ("sudah ada {most} token, itu batasnya", "there are {most} tokens, which is the limit"),
}


def default_language() -> Language:
    """Return the language of the terminal: Indonesian where `LC_ALL`, `LC_MESSAGES` or `LANG` says so, else English."""
    told = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "id" if told.startswith("id") else "en"


def say(language: Language, text: str, **values: object) -> str:
    """Return one of `TEXTS` in a language."""
    return TEXTS[text][language == "en"].format(**values)
