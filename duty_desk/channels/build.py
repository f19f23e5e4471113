"""The channels of a desk, put together from its settings, in the order in which pages show them."""

from __future__ import annotations

from duty_desk.channels.channel import Channel


def open_channels(*channels: Channel | None) -> list[Channel]:
    """Return the channels that are set up: None for one that is not.

    Raises:
        ValueError: Two have the same name, by which the ledger could not tell them apart.
    """
    there = [channel for channel in channels if channel is not None]
    names = [channel.name for channel in there]
    if len(set(names)) < len(names):
        raise ValueError(f"two channels have the same name: {', '.join(names)}")
    return there
