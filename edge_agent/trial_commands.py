"""`siaga edge press --synthetic` and `siaga edge lamp-test`: asks the running agent, and says what to look at."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TextIO

from contract.errors import EX_CONFIG, ConfigError
from edge_agent.config import load_box_settings
from edge_agent.status_command import NOT_RUNNING, UNKNOWN
from edge_agent.status_socket import Place, SilentAgentError, ask, places
from edge_agent.status_texts import Language, default_language

REFUSED: Final = 1
_LOOK_S: Final = 0.2

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "sent": ("Penekanan uji {button}, {event}", "Test press of {button}, {event}"),
    "card": ("tersimpan di kartu", "kept on the card"),
    "sent alarm": ("dikirim lewat jalur alarm", "sent by the alarm lane"),
    "sent telemetry": ("dikirim juga lewat jalur telemetri", "sent by the telemetry lane too"),
    "broker alarm": ("broker alarm menerima", "the alarm broker took it"),
    "broker telemetry": ("broker telemetri menerima", "the telemetry broker took it"),
    "no answer alarm": ("broker alarm tidak menjawab", "no answer from the alarm broker"),
    "no answer telemetry": ("broker telemetri tidak menjawab", "no answer from the telemetry broker"),
    "ringing": ("posko mendengarnya", "the desk has heard it"),
    "stored": ("posko mencatatnya", "the desk has recorded it"),
    "well": (
        "Berhasil dalam {time}. Petugas tidak melihatnya.",
        "It works, in {time}. No officer sees it.",
    ),
    "not arrived": (
        "TIDAK SAMPAI dalam {time}. Kotak ini terus mencoba; lihat: siaga edge status",
        "DID NOT ARRIVE within {time}. The box goes on trying; see: siaga edge status",
    ),
    "no agent": (
        "Agen tidak berjalan; jalankan: siaga-edge --config {config}",
        "No agent runs; start it: siaga-edge --config {config}",
    ),
    "lamp": ("Lihat lampu {button}; setiap pola {time}:", "Look at the lamp of {button}; each pattern {time}:"),
    "kept": ("kedip lambat", "slow blink"),
    "received": ("kedip cepat", "fast blink"),
    "accepted": ("nyala terus", "solid"),
    "test waits": (
        "Ditolak: penekanan uji sebelumnya belum ada tanda terima; lihat: siaga edge status",
        "Refused: the test press before has no receipt yet; see: siaga edge status",
    ),
    "test too soon": ("Ditolak: baru saja diuji, tunggu 10 s", "Refused: it was tested just now, wait 10 s"),
    "lamp in use": (
        "Ditolak: lampu sedang menunjukkan penekanan; tunggu sampai posko menutupnya",
        "Refused: the lamp shows a press; wait until the desk has closed it",
    ),
    "no lamp": (
        "Ditolak: tombol itu tidak punya `lamp` di box.toml",
        "Refused: that button has no `lamp` in box.toml",
    ),
    "no such button": (
        "Ditolak: tombol itu tidak ada; lihat namanya: siaga edge status",
        "Refused: there is no such button; see its name: siaga edge status",
    ),
    "no such event": ("Agen sudah dimulai ulang; uji lagi", "The agent was restarted; test again"),
    "not understood": (
        "Versi agen berbeda; mulai ulang: systemctl restart siaga-edge",
        "The agent is of another version; restart it: systemctl restart siaga-edge",
    ),
    "not_delivered": ("tiga kilat tiap detik", "three flashes a second"),
}
"""Each text as Indonesian, English."""


def run_press(
    config: Path,
    button: str,
    *,
    out: TextIO,
    language: Language | None = None,
    timeout_s: float = 30.0,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Send a test press and print each hop of its way as it comes; return the exit status (0, 1, 3, 4 or 78).

    Args:
        config: The box's configuration, `box.toml`.
        button: The button.
        out: Where to print.
        language: Of the words; None: the terminal's.
        timeout_s: How long to wait until the desk has it.
        pause: Waits so many seconds between two looks.
    """
    say = _speaker(language)

    def follow(tried: list[Place], answer: dict[str, Any]) -> int:
        event_id = answer["event_id"]
        print(say("sent", button=button, event=event_id), file=out, flush=True)
        shown: set[str] = set()
        until_s = time.monotonic() + timeout_s
        while time.monotonic() < until_s:
            told = _ask(tried, {"hops": event_id})
            if "error" in told:
                print(say(told["error"]), file=sys.stderr)
                return REFUSED
            hops: dict[str, float] = told["hops"]
            for hop, after_ms in sorted(hops.items(), key=lambda one: one[1]):
                if hop not in shown:
                    shown.add(hop)
                    print(f"{after_ms:8.0f} ms  {say(hop)}", file=out, flush=True)
            if "stored" in hops:
                print(say("well", time=f"{hops['stored'] / 1e3:.2f} s"), file=out)
                return 0
            pause(_LOOK_S)
        print(say("not arrived", time=f"{timeout_s:g} s"), file=out)
        return REFUSED

    return _with_agent(config, {"press": button}, say, follow)


def run_lamp_test(config: Path, button: str, *, out: TextIO, language: Language | None = None) -> int:
    """Let a lamp show its patterns; return the exit status (0, 1, 3, 4 or 78).

    Args:
        config: The box's configuration, `box.toml`.
        button: The button whose lamp it is.
        out: Where to print.
        language: Of the words; None: the terminal's.
    """
    say = _speaker(language)

    def tell(tried: list[Place], answer: dict[str, Any]) -> int:
        print(say("lamp", button=button, time=f"{answer['step_s']:g} s"), file=out)
        for number, pattern in enumerate(answer["patterns"], 1):
            print(f"  {number}. {say(pattern)}", file=out)
        return 0

    return _with_agent(config, {"lamp_test": button}, say, tell)


class NoAgentError(Exception):
    """No agent runs."""


def _with_agent(
    config: Path,
    request: dict[str, Any],
    say: Callable[..., str],
    then: Callable[[list[Place], dict[str, Any]], int],
) -> int:
    try:
        settings = load_box_settings(config)
        tried = places(settings.data_dir, settings.runtime_dir, os.environ)
        answer = _ask(tried, request)
        if "error" not in answer:
            return then(tried, answer)
        print(say(answer["error"]), file=sys.stderr)
        return REFUSED
    except ConfigError as error:
        print(f"siaga edge: {error}", file=sys.stderr)
        return EX_CONFIG
    except NoAgentError:
        print(say("no agent", config=config), file=sys.stderr)
        return NOT_RUNNING
    except (SilentAgentError, ValueError, KeyError) as error:
        print(f"siaga edge: {error!s}; is the agent of another version? restart it", file=sys.stderr)
        return UNKNOWN


def _ask(tried: list[Place], request: dict[str, Any]) -> dict[str, Any]:
    told = ask(tried, json.dumps(request).encode())
    if told is None:
        raise NoAgentError
    answer = json.loads(told)
    if not isinstance(answer, dict):
        raise ValueError("the agent's answer is no JSON object")
    return answer


def _speaker(language: Language | None) -> Callable[..., str]:
    chosen = language or default_language()

    def say(text: str, **values: object) -> str:
        return TEXTS[text][chosen == "en"].format(**values)

    return say
