"""The desk's command key: what signs the commands that sound sirens, and its public half, which boxes trust.

A key of its own, because the desk is a server that many reach, and the authority's key is not for it: whoever takes the
desk's key can sound sirens until the keys are changed, and can configure no box.

A change of keys, so that no siren is ever deaf:

| step | `commands/desk.key` | `commands/next.key` | `commands/commands.pub` holds |
|---|---|---|---|
| `make` | old | | old |
| `rotate` | old | new | new and old |
| `commands.pub` goes to every box | | | |
| `finish`, and `desk.key` goes to the desk | new | | new |

The public keys are brought to each box once more after `finish`; until then it trusts the old one too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from contract.signed import load_signing_key
from provisioning.authority import Authority
from provisioning.errors import ExistsError, KeyFileError, RefusedError, UnusableError
from provisioning.files import locked, read_private, recover, write_files

FOLDER: Final = "commands"
_KEY: Final = f"{FOLDER}/desk.key"
_NEXT: Final = f"{FOLDER}/next.key"
_PUBLIC: Final = f"{FOLDER}/commands.pub"


def desk_key_file(folder: Path) -> Path:
    """Return the file of the key that the desk signs with."""
    return folder / _KEY


def public_file(folder: Path) -> Path:
    """Return the file of the public keys that boxes trust for commands: one, or two during a change of keys."""
    return folder / _PUBLIC


def make_command_key(authority: Authority) -> bool:
    """Make the desk's command key; one that is there stays.

    Returns:
        Whether it was made.

    Raises:
        ProvisioningError: The folder cannot be used, or one that is there is damaged.
    """
    folder = authority.folder
    with locked(folder):
        recover(folder)
        _ = authority.register  # there must be an authority
        if desk_key_file(folder).exists():
            _load(folder / _KEY)
            return False
        key = Ed25519PrivateKey.generate()
        write_files(folder, {_KEY: _pem(key), _PUBLIC: _public(key)})
        return True


def begin_command_rotation(authority: Authority) -> None:
    """Make the next key beside the present one; boxes are to trust both.

    Raises:
        ExistsError: A change is under way.
        ProvisioningError: There is no key yet, or the folder cannot be used.
    """
    folder = authority.folder
    with locked(folder):
        recover(folder)
        present = _present(folder)
        if (folder / _NEXT).exists():
            raise ExistsError(
                "a change of the command key is under way",
                f"bring {folder / _PUBLIC} to each box, then: siaga provision command-key finish --folder {folder}",
            )
        key = Ed25519PrivateKey.generate()
        write_files(folder, {_NEXT: _pem(key), _PUBLIC: _public(key) + _public(present)}, overwrite=True)


def finish_command_rotation(authority: Authority) -> None:
    """Let the next key take the place of the present one, which is destroyed here.

    Raises:
        RefusedError: No change is under way.
        ProvisioningError: The folder cannot be used.
    """
    folder = authority.folder
    with locked(folder):
        recover(folder)
        _present(folder)
        if not (folder / _NEXT).exists():
            raise RefusedError(
                "no change of the command key is under way",
                f"begin one: siaga provision command-key rotate --folder {folder}",
            )
        key = _load(folder / _NEXT)
        write_files(folder, {_KEY: _pem(key), _NEXT: None, _PUBLIC: _public(key)}, overwrite=True)


def _present(folder: Path) -> Ed25519PrivateKey:
    if not desk_key_file(folder).exists():
        raise UnusableError(
            f"{folder / _KEY}: no such file", f"make one: siaga provision command-key make --folder {folder}"
        )
    return _load(folder / _KEY)


def _load(path: Path) -> Ed25519PrivateKey:
    try:
        return load_signing_key(read_private(path))
    except ValueError as error:
        raise KeyFileError(f"{path}: {error}", "restore it from a backup") from None


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
