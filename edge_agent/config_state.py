"""What a box remembers of the configurations pushed to it. Pure.

Rules:
- Before a pushed configuration is used, the card has it as a trial; before it is used for the first time, the card has
  that it was begun. So a trial that is found begun at a start was ended by a crash or a power cut, and reverts.
- What was confirmed stays beside a trial, and is what a revert goes back to; without one it is the file on the box.
- `newest` never falls: a version is tried once.
- The file on the box counts when its bytes have changed since: a technician's hand on the spot rules over a push.

    confirmed or the file ──push──▶ trial, waiting ──start──▶ trial, begun ──both brokers and the centre──▶ confirmed
            ▲                                                      │
            └──────────── time over, crash, power cut ─────────────┘
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from contract.identity import BodyHash
from contract.messages import ConfigOutcome, Count, Message, Nanoseconds, Word

NOT_REACHED: Final = "centre not reached"
ENDED: Final = "ended in the trial"
CARD: Final = "card"
CHANGED_BY_HAND: Final = "changed by hand"
_SHOWN: Final = 500


class Pushed(Message):
    """A pushed configuration; `since_ns` is when it was taken, and then when it was confirmed, by the box's clock."""

    version: Count
    toml: str
    confirm_s: Annotated[int, Field(ge=1)]
    since_ns: Nanoseconds


class Outcome(Message):
    """What became of the last push."""

    outcome: ConfigOutcome
    version: Count | None = None
    reason: Word | None = None
    detail: Annotated[str, Field(max_length=_SHOWN)] | None = None
    body_sha256: BodyHash | None = None
    timestamp_ns: Nanoseconds


class ConfigState(Message):
    """What a box remembers. `file_sha256` is of the file on the box that `confirmed` and `trial` were pushed over."""

    format: Literal[1] = 1
    file_sha256: BodyHash
    newest: Count | None = None
    confirmed: Pushed | None = None
    trial: Pushed | None = None
    begun: bool = False
    last: Outcome | None = None


def taken(state: ConfigState, pushed: Pushed, body_sha256: str) -> ConfigState:
    """Return the state with a new trial, which waits for the next start."""
    last = Outcome(outcome="trial", version=pushed.version, body_sha256=body_sha256, timestamp_ns=pushed.since_ns)
    return state.model_copy(update={"newest": pushed.version, "trial": pushed, "begun": False, "last": last})


def begun(state: ConfigState) -> ConfigState:
    """Return the state with its trial under way."""
    return state.model_copy(update={"begun": True})


def confirmed(state: ConfigState, now_ns: int) -> ConfigState:
    """Return the state with its trial confirmed."""
    assert state.trial is not None
    kept = state.trial.model_copy(update={"since_ns": now_ns})
    return _ended(state, "confirmed", now_ns).model_copy(update={"confirmed": kept})


def reverted(state: ConfigState, reason: str, detail: str, now_ns: int) -> ConfigState:
    """Return the state without its trial."""
    return _ended(state, "reverted", now_ns, reason, detail)


def at_start(state: ConfigState, file_sha256: str, now_ns: int) -> ConfigState:
    """Return what a state means to an agent that starts: a `trial` that is left is to be begun."""
    if state.file_sha256 != file_sha256:
        clean = ConfigState(file_sha256=file_sha256, newest=state.newest, last=state.last)
        if state.confirmed is None and state.trial is None:
            return clean
        return _ended(clean, "overruled", now_ns, CHANGED_BY_HAND, "the file on the box was changed after the push")
    if state.trial is not None and state.begun:
        return reverted(state, ENDED, "the agent or the box's power ended while it was on trial", now_ns)
    return state


def _ended(state: ConfigState, outcome: ConfigOutcome, now_ns: int, reason: str = "", detail: str = "") -> ConfigState:
    told = Outcome(
        outcome=outcome,
        version=state.newest,
        reason=reason or None,
        detail=detail[:_SHOWN] or None,
        body_sha256=None if state.last is None else state.last.body_sha256,
        timestamp_ns=now_ns,
    )
    return state.model_copy(update={"trial": None, "begun": False, "last": told})
