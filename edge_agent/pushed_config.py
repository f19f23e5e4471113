"""A configuration that was pushed: judged before it is obeyed, and taken up at the agent's start.

Rules:
- Obeyed is only what a key in `config_keys` signed for this box, newer than any version before, and what an agent could
  start with on this box: settings, drivers and key files are checked as `siaga edge check-config` does.
- `device`, `data_dir`, `runtime_dir`, `config_keys` and `command_keys` are the file's on the box, and no push changes
  them.
- Paths are relative to that file.
- Whatever is wrong with what was pushed before: the agent starts, with the last good configuration.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from contract.errors import BodyError, ConfigError, SiagaError, SignedError
from contract.messages import PushedConfig, first_fault
from edge_agent.config import Box, check_box, read_box_text
from edge_agent.config_state import CARD, ConfigState, Pushed, at_start, begun, reverted
from edge_agent.config_store import ConfigStore
from edge_agent.key_files import load_config_keys

_log = logging.getLogger("siaga.edge.config")

KIND: Final = "config"
FIXED: Final = ("device", "data_dir", "runtime_dir", "config_keys", "command_keys")
"""What a push may not change: who the box is, where what it keeps lies, and whom it trusts."""
_BEGIN_S: Final = 2.0

Standing = Literal["file", "confirmed", "trial"]
"""Where the configuration in force is from: the file on the box, a push that was confirmed, or one on trial."""


class PushRefusedError(SiagaError):
    """A pushed configuration must not be obeyed; what was in force stays.

    Args:
        reason: Short and stable, such as `bad signature`.
        detail: For people.
        version: Its version, when there is telling which it was.
    """

    def __init__(self, reason: str, detail: str, version: int | None = None) -> None:
        self.reason, self.detail, self.version = reason, detail, version
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True)
class InForce:
    """The configuration an agent runs with, and what the box remembers of pushes.

    `path` is the file on the box, `file` what it says; `box` is what is in force. `pushed` is None when that is the
    file. `on_card` is whether the card has `state`. `faults` are in words.
    """

    path: Path
    file: Box
    box: Box
    standing: Standing
    pushed: Pushed | None
    state: ConfigState
    store: ConfigStore
    on_card: bool
    faults: tuple[str, ...] = ()


def judge(envelope: bytes, *, path: Path, file: Box, newest: int | None, now_ns: int) -> Pushed:
    """Return the configuration of an envelope, once nothing speaks against trying it.

    Args:
        envelope: The bytes as they arrived.
        path: The box's own `box.toml`.
        file: What that says.
        newest: The highest version that was ever taken.
        now_ns: The box's time.

    Raises:
        PushRefusedError: It must not be obeyed.
    """
    from contract.signed import verify  # 7 MB that a box pays only while it judges a push

    if file.settings.config_keys is None:
        raise PushRefusedError("no key", f"config_keys is not set in {path}: this box takes no pushes")
    try:
        keys = load_config_keys(path.parent / file.settings.config_keys, source=str(path))
        document = verify(envelope, keys, device=file.settings.device, kind=KIND, newer_than=newest)
    except ConfigError as error:
        raise PushRefusedError("no key", str(error)) from None
    except SignedError as error:
        raise PushRefusedError(error.reason, error.detail) from None
    try:
        content = PushedConfig.model_validate(document.content)
    except ValidationError as error:
        raise PushRefusedError("invalid", first_fault(error), document.version) from None
    box, faults = _check(content.toml, document.version, path)
    if box is None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise PushRefusedError("bad configuration", f"{faults[0]}{more}", document.version)
    for key in FIXED:
        there, pushed = getattr(file.settings, key), getattr(box.settings, key)
        if there != pushed:
            told = f"{key} is {str(pushed)!r}, on the box {str(there)!r}; only the file on the box can change it"
            raise PushRefusedError("fixed key", told, document.version)
    return Pushed(version=document.version, toml=content.toml, confirm_s=content.confirm_s, since_ns=now_ns)


def take_up(path: Path) -> InForce:
    """Return the configuration to run with: the last that was pushed and confirmed, one to be tried, or the file's.

    A trial is on the card as begun when this returns it; what else changed is left for the agent to write.

    Args:
        path: The box's `box.toml`.

    Raises:
        ConfigError: That file cannot be used.
    """
    text = read_box_text(path)
    file, wrong = check_box(text, source=str(path), base=path.parent)
    if file is None:
        raise wrong[0]
    store = ConfigStore(file.settings.data_dir)
    now_ns = time.time_ns()
    file_sha256 = hashlib.sha256(text.encode()).hexdigest()
    faults: list[str] = []
    try:
        found = store.read()
    except (OSError, BodyError) as error:
        faults.append(f"what was pushed cannot be read, the file on the box counts: {store.path}: {error}")
        found = None
    state = at_start(found or ConfigState(file_sha256=file_sha256), file_sha256, now_ns)
    if state.trial is not None:
        box, wrong = _check(state.trial.toml, state.trial.version, path)
        if box is not None and _written_in_time(store, begun(state)):
            return InForce(path, file, box, "trial", state.trial, begun(state), store, on_card=True, faults=(*faults,))
        reason, why = ("bad configuration", str(wrong[0])) if wrong else (CARD, "the card does not take that it begins")
        state = reverted(state, reason, why, now_ns)
    on_card = found is None or state == found
    if state.confirmed is not None:
        box, wrong = _check(state.confirmed.toml, state.confirmed.version, path)
        if box is not None:
            return InForce(path, file, box, "confirmed", state.confirmed, state, store, on_card, (*faults,))
        told = f"pushed version {state.confirmed.version} cannot be used, the file on the box counts: {wrong[0]}"
        faults.append(told)
    return InForce(path, file, file, "file", None, state, store, on_card, (*faults,))


def _check(toml: str, version: int, path: Path) -> tuple[Box | None, list[ConfigError]]:
    return check_box(toml, source=f"version {version}", base=path.parent)


def _written_in_time(store: ConfigStore, state: ConfigState) -> bool:
    """Write a state; return whether the card took it soon. The buttons wait for this."""
    done = threading.Event()

    def write() -> None:
        try:
            store.write(state)
        except OSError as error:
            _log.error("the trial of version %s cannot be begun: %s", state.newest, error)
        else:
            done.set()

    writer = threading.Thread(target=write, name="config-begin", daemon=True)
    writer.start()
    writer.join(_BEGIN_S)
    return done.is_set()
