"""Where the demo's buttons stand: places of Bandung everybody there knows, with what an officer should know. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from contract.inventory import Inventory
from siaga.demo.files import LINE
from simulator.history.places import to_toml
from simulator.layout import BUTTON, box_name

_NEXT_POST_DEG: Final = 0.0004
"""About 45 m: how far the next post of a place stands, once every place has one."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A button's place: address, position (WGS 84, degrees), instructions in Indonesian and English."""

    site: str
    label: str
    address: str
    latitude: float
    longitude: float
    instructions_id: str
    instructions_en: str


_SPOTS: Final = (
    Spot(
        "alun-alun",
        "Tiang Alun-Alun",
        "Jl. Asia Afrika, Alun-Alun Bandung, sisi utara dekat halte",
        -6.9214,
        107.6068,
        "Masuk dari Jl. Dalem Kaum; Jl. Asia Afrika satu arah ke barat. Ramai pada akhir pekan.",
        "Enter from Jl. Dalem Kaum; Jl. Asia Afrika is one-way westward. Crowded at weekends.",
    ),
    Spot(
        "braga",
        "Tiang Braga",
        "Jl. Braga, sudut Jl. Asia Afrika dekat Gedung Merdeka",
        -6.9208,
        107.6099,
        "Jalan sempit, berhenti di Jl. Asia Afrika dan lanjut berjalan kaki. Tiang di trotoar timur.",
        "Narrow street; stop on Jl. Asia Afrika and walk. The post is on the eastern pavement.",
    ),
    Spot(
        "gedung-sate",
        "Tiang Gedung Sate",
        "Jl. Diponegoro No. 22, depan Gedung Sate",
        -6.9014,
        107.6187,
        "Hubungi pos jaga Gedung Sate. Tiang di seberang Lapangan Gasibu.",
        "Call the guard post of Gedung Sate. The post faces Lapangan Gasibu.",
    ),
    Spot(
        "simpang-dago",
        "Tiang Simpang Dago",
        "Jl. Ir. H. Juanda, Simpang Dago, depan pasar",
        -6.8852,
        107.6138,
        "Pasar padat pada pagi hari; datang dari arah selatan.",
        "The market is dense in the morning; come from the south.",
    ),
    Spot(
        "stasiun",
        "Tiang Stasiun Bandung",
        "Jl. Kebon Kawung, pintu utara Stasiun Bandung",
        -6.9125,
        107.6024,
        "Koordinasi dengan keamanan stasiun di pintu utara.",
        "Coordinate with station security at the northern gate.",
    ),
    Spot(
        "balai-kota",
        "Tiang Balai Kota",
        "Jl. Wastukencana No. 2, gerbang Balai Kota",
        -6.9118,
        107.6092,
        "Gerbang barat dibuka penjaga pada malam hari.",
        "At night a guard opens the western gate.",
    ),
    Spot(
        "leuwipanjang",
        "Tiang Leuwipanjang",
        "Jl. Soekarno-Hatta, Terminal Leuwipanjang, peron antarkota",
        -6.9466,
        107.5938,
        "Masuk lewat gerbang bus; tiang di ujung peron 3.",
        "Enter by the bus gate; the post stands at the end of platform 3.",
    ),
    Spot(
        "tegallega",
        "Tiang Tegallega",
        "Jl. Oto Iskandar Dinata, Taman Tegallega, gerbang timur laut",
        -6.9333,
        107.6040,
        "Taman gelap setelah pukul 18; bawa lampu.",
        "The park is dark after 18:00; bring lights.",
    ),
    Spot(
        "ganesa",
        "Tiang Ganesa",
        "Jl. Ganesa No. 10, depan gerbang kampus",
        -6.8934,
        107.6104,
        "Hubungi satuan pengamanan kampus bila perlu masuk.",
        "Call campus security to enter the grounds.",
    ),
    Spot(
        "cicaheum",
        "Tiang Cicaheum",
        "Jl. Jenderal Ahmad Yani, Terminal Cicaheum, pintu masuk",
        -6.9025,
        107.6558,
        "Lalu lintas padat pukul 16 sampai 19; pakai lajur bus.",
        "Heavy traffic from 16:00 to 19:00; use the bus lane.",
    ),
)


def spots(boxes: int) -> list[Spot]:
    """Return a place for each box; when there are more boxes than places, a place gets a second post, and so on."""
    return [_post(_SPOTS[number % len(_SPOTS)], number // len(_SPOTS)) for number in range(boxes)]


def inventory_toml(boxes: int, more: Inventory | None = None, *, chip: str | None = None) -> str:
    """Return the demo's inventory as a person would write it (see `contract.inventory`).

    Args:
        boxes: How many boxes run.
        more: Who else is in the city.
        chip: The box that has a second button, on a line of its microcontroller board.
    """
    tables: list[str] = ["version = 1"]
    for number, spot in enumerate(spots(boxes), 1):
        name = box_name(number)
        place: dict[str, str | float] = {
            "address": spot.address,
            "latitude": spot.latitude,
            "longitude": spot.longitude,
        }
        tables.append(_table("sites", {"id": spot.site, **place}))
        tables.append(_table("devices", {"name": name, "label": spot.label, "site": spot.site}))
        words: dict[str, str | float] = {
            "instructions_id": spot.instructions_id,
            "instructions_en": spot.instructions_en,
        }
        tables.append(_table("buttons", {"device": name, "id": BUTTON, **place, **words}))
        if name == chip:
            tables.append(_table("buttons", {"device": name, "id": LINE, **place, **words}))
    if more is not None:
        tables.append(to_toml(more).partition("\n\n")[2].strip())
    return "\n\n".join(tables) + "\n"


def _post(spot: Spot, further: int) -> Spot:
    if further == 0:
        return spot
    return Spot(
        f"{spot.site}-{further + 1}",
        f"{spot.label} {further + 1}",
        f"{spot.address}, tiang {further + 1}",
        round(spot.latitude + further * _NEXT_POST_DEG, 6),
        spot.longitude,
        spot.instructions_id,
        spot.instructions_en,
    )


def _table(name: str, values: dict[str, str | float]) -> str:
    # A JSON string without control characters is a TOML basic string, and a JSON number a TOML number.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join([f"[[{name}]]", *lines])
