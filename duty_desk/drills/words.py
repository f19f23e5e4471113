"""What `siaga desk drill` says, in both languages. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "runs": (
        "latihan {name!r}: {done} dari {steps} langkah; kejadian: {incidents}",
        "drill {name!r}: {done} of {steps} steps; incidents: {incidents}",
    ),
    "none": ("tidak ada latihan", "no drill runs"),
    "none restarted": (
        "tidak ada latihan; {name!r} berakhir saat posko dimulai ulang",
        "no drill runs; {name!r} was ended by the desk's restart",
    ),
    "whole": ("{file}: {steps} langkah dalam {seconds} detik, lengkap", "{file}: {steps} steps in {seconds} s, whole"),
    "not understood": ("posko versi lain; mulai ulang posko", "the desk is of another version; restart it"),
    "no such button": (
        "tombol {detail} tidak ada di inventaris posko",
        "button {detail} is not in the desk's inventory",
    ),
    "runs already": (
        "latihan {detail!r} masih berjalan; akhiri: siaga desk drill stop",
        "drill {detail!r} still runs; end it: siaga desk drill stop",
    ),
    "none runs": ("tidak ada latihan yang berjalan", "no drill runs"),
    "no desk": ("posko tidak berjalan; jalankan: siaga desk run", "no desk runs; start it: siaga desk run"),
    "silent": ("posko tidak menjawab: {detail}", "the desk gives no answer: {detail}"),
    "what": (
        "sebutkan berkas skrip, atau --box dan --button",
        "name the script's file, or give --box and --button",
    ),
    "no drills": ("tidak ada latihan di buku posko", "there is no drill in the ledger"),
    "no such drill": ("tidak ada latihan bernama {detail!r}", "there is no drill named {detail!r}"),
    "head": (
        "Latihan {name!r}, mulai {began} oleh {by}, {end}",
        "Drill {name!r}, began {began} by {by}, {end}",
    ),
    "done": ("selesai", "done"),
    "stopped": ("dihentikan", "stopped"),
    "time": ("berakhir setelah empat jam", "ended after four hours"),
    "restarted": ("berakhir saat posko dimulai ulang", "ended by a restart of the desk"),
    "no end": (
        "tanpa akhir: masih berjalan, atau posko mati di tengahnya",
        "without an end: it runs, or the desk ended in it",
    ),
    "line": (
        "{opened} {place}: tampil {shown}, diterima {accept}{by}, berangkat {depart}, usai {resolve}, langkah {step}",
        "{opened} {place}: shown {shown}, accepted {accept}{by}, departed {depart}, resolved {resolve}, step {step}",
    ),
    "pages": ("    panggilan: {pages}", "    calls: {pages}"),
    "nothing": ("tidak ada kejadian latihan", "no incident of it"),
}
"""Each text as Indonesian, English."""
