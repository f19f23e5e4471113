"""What the telemetry lane asks of the network and of the disk, and what the disk answers."""

from __future__ import annotations

from dataclasses import dataclass

Key = tuple[str, int]
"""(stream, batch)."""


@dataclass(frozen=True, slots=True)
class SendBatch:
    """Publish this body, and tell how it went under the number `sending`."""

    key: Key
    body: bytes
    sending: int


@dataclass(frozen=True, slots=True)
class LoadBatch:
    """Read this batch from the disk and hand it to `loaded`."""

    key: Key


@dataclass(frozen=True, slots=True)
class NewRow:
    """A batch to be kept. `sent`: it may have been sent, so its content is what it is for ever."""

    key: Key
    readings: int
    body: bytes
    sent: bool


@dataclass(frozen=True, slots=True)
class KeepBatches:
    """Write these to the disk in one commit and tell `kept`, or `not_kept`."""

    rows: tuple[NewRow, ...]

    @property
    def keys(self) -> tuple[Key, ...]:
        """Their keys."""
        return tuple(row.key for row in self.rows)


@dataclass(frozen=True, slots=True)
class ThinBatches:
    """Thin these on the disk (`eviction.thin`) in one commit and tell `thinned`, or `not_evicted`."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class DropBatches:
    """Delete these from a full disk in one commit and tell `deleted`, or `not_evicted`: only then are they dropped."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class CutBatch:
    """Put the pieces of this batch, of at most `max_bytes` each, in its place on the disk and tell `cut`, or `not_cut`.

    The pieces are numbered from `first` on, in the stream of that key.
    """

    key: Key
    first: Key
    max_bytes: int


@dataclass(frozen=True, slots=True)
class ForgetBatches:
    """Delete these from the disk and tell `forgotten`, or `not_forgotten`."""

    keys: tuple[Key, ...]


Command = SendBatch | LoadBatch | KeepBatches | ThinBatches | DropBatches | CutBatch | ForgetBatches


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A batch on the disk: `size` in bytes as it lies there."""

    key: Key
    readings: int
    size: int
    sent: bool
    thinned: bool


@dataclass(frozen=True, slots=True)
class ThinnedRow:
    """What thinning left of a batch: how many readings it cost, and the size it has now."""

    key: Key
    lost: int
    size: int
