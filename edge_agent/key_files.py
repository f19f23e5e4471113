"""The files of public keys that a box.toml names: of who may push a configuration, and of who may command the box."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contract.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_MOST_KEY_BYTES: Final = 65_536
_KEY_FILES: Final = {"config_keys": "signing.pub", "command_keys": "commands.pub"}
"""What the authority calls each file of public keys."""


def load_config_keys(path: Path, *, source: str) -> tuple[Ed25519PublicKey, ...]:
    """Return the public keys of who may push a configuration; as `load_public_keys`."""
    return load_public_keys("config_keys", path, source=source)


def load_public_keys(key: str, path: Path, *, source: str) -> tuple[Ed25519PublicKey, ...]:
    """Return the public keys of who may push a configuration, or command.

    Args:
        key: `config_keys` or `command_keys`.
        path: The file, as `signing.pub` or `commands.pub` of the authority.
        source: The configuration that names it, for messages.

    Raises:
        ConfigError: It cannot be read, holds no such key, or others than its owner may change it.
    """
    from contract.signed import load_verifying_keys  # 7 MB that a box pays only while it judges

    name = _KEY_FILES[key]

    def wrong(expected: str) -> ConfigError:
        return ConfigError(source, key, expected, example=f'{key} = "{name}"')

    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            pem = file.read(_MOST_KEY_BYTES)
    except OSError as error:
        raise wrong(f"{path} cannot be read: {error.strerror}; copy {name} from the authority") from None
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise wrong(f"{path} can be changed by others (mode {mode:04o}); chmod 644 {path}")
    try:
        return load_verifying_keys(pem)
    except ValueError as error:
        raise wrong(f"{path}: {error}; copy {name} from the authority") from None
