"""`siaga edge show-config`: which configuration is in force, from where, since when, and what became of a push."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO

from contract.errors import EX_CONFIG, BodyError, ConfigError
from edge_agent.config import load_box_settings, read_box_text
from edge_agent.config_state import ConfigState
from edge_agent.config_store import ConfigStore

_SECRET: Final = re.compile(
    r"""(?P<key>[\w-]*(?:password|passphrase|secret|token|api[_-]?key)[\w-]*)(?P<is>["']?\s*=\s*)"""
    r"""(?:"{3}[\s\S]*?"{3}|'{3}[\s\S]*?'{3}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,}\]#]+)""",
    re.IGNORECASE,
)
_LOG_IN: Final = re.compile(r"(?<=://)[^/\s\"'@]+@")
_HIDDEN: Final = '"***"'
_OUTCOMES: Final = {
    "refused": "ditolak / refused",
    "trial": "sedang dicoba / on trial",
    "confirmed": "dikukuhkan / confirmed",
    "reverted": "dikembalikan / taken back",
    "overruled": "dikalahkan berkas setempat / overruled by the file on the box",
}


def run_show_config(config: Path, *, as_json: bool, out: TextIO) -> int:
    """Print which configuration counts on this box; an agent takes the file's changes when it starts.

    Args:
        config: The box's configuration, `box.toml`.
        as_json: Whether to print one JSON object instead of words.
        out: Where to print.

    Returns:
        The exit status: 0, or 78 when the file cannot be used.
    """
    try:
        text = read_box_text(config)
        settings = load_box_settings(config)
    except ConfigError as error:
        print(f"siaga edge: {error}", file=sys.stderr)
        return EX_CONFIG
    problem = None
    state: ConfigState | None = None
    try:
        state = ConfigStore(settings.data_dir).read()
    except (OSError, BodyError) as error:
        problem = f"{settings.data_dir}: {error}"
    shown = {"device": settings.device, "file": str(config), "problem": problem, **_in_force(config, text, state)}
    print(json.dumps(shown, ensure_ascii=False) if as_json else in_words(shown), file=out)
    return 0


def hide_secrets(toml: str) -> str:
    """Return a configuration without passwords, tokens and log-ins in URIs; files that hold them are named still."""

    def hidden(found: re.Match[str]) -> str:
        return found[0] if found["key"].lower().endswith("_file") else f"{found['key']}{found['is']}{_HIDDEN}"

    return _LOG_IN.sub("***@", _SECRET.sub(hidden, toml))


def in_words(shown: dict[str, Any]) -> str:
    """Return what `run_show_config` found, Indonesian / English, and the configuration itself."""
    since = _moment(shown["since_ns"])
    where = {
        "file": f"berkas / the file {shown['file']}, {since}",
        "confirmed": f"versi kiriman / pushed version {shown['version']}, dikukuhkan / confirmed {since}",
        "trial": (
            f"versi kiriman / pushed version {shown['version']}, SEDANG DICOBA / ON TRIAL {since}\n"
            f"  → kembali sendiri bila pusat tidak terjangkau dalam / it goes back by itself unless the centre is "
            f"reached within {shown['confirm_s']} s"
        ),
    }[shown["standing"]]
    lines = [f"{shown['device']}: {where}"]
    if shown["problem"] is not None:
        lines.append(f"catatan kiriman rusak / what was pushed cannot be read: {shown['problem']}")
    if shown["changed_by_hand"]:
        lines.append(
            "berkas diubah setelah kiriman: berlaku sejak agen dimulai ulang / the file was changed after the push: it "
            "counts once the agent is started anew"
        )
    last = shown["last"]
    if last is not None:
        reason = "".join(f": {last[key]}" for key in ("reason", "detail") if last[key])
        outcome = _OUTCOMES[last["outcome"]]
        lines.append(f"kiriman terakhir / last push: version {last['version']}, {outcome}{reason}")
    return "\n".join([*lines, "", shown["toml"].rstrip()])


def _in_force(config: Path, text: str, state: ConfigState | None) -> dict[str, Any]:
    same = state is not None and state.file_sha256 == hashlib.sha256(text.encode()).hexdigest()
    pushed = standing = None
    if state is not None and same:
        if state.trial is not None and state.begun:
            pushed, standing = state.trial, "trial"
        elif state.confirmed is not None:
            pushed, standing = state.confirmed, "confirmed"
    anything = state is not None and (state.confirmed is not None or state.trial is not None)
    return {
        "standing": standing or "file",
        "version": None if pushed is None else pushed.version,
        "since_ns": config.stat().st_mtime_ns if pushed is None else pushed.since_ns,
        "confirm_s": pushed.confirm_s if pushed is not None and standing == "trial" else None,
        "changed_by_hand": anything and not same,
        "last": None if state is None or state.last is None else state.last.model_dump(),
        "toml": hide_secrets(text if pushed is None else pushed.toml),
    }


def _moment(time_ns: int) -> str:
    told = datetime.fromtimestamp(time_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"sejak / since {told}"
