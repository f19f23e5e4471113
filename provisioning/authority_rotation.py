"""From one authority to the next.

A rotation, so that no box is ever shut out:

| step | `trust.pem` holds | certificates are signed by | documents are signed by |
|---|---|---|---|
| before | old | old | old |
| `begin` | new and old | new | old, which every box knows |
| `trust.pem` and `signing.pub` go to every broker, service and box | | | |
| `renew` each device, then each broker | | | |
| `finish` | new | new | new |

`finish` is refused while a certificate that is in use descends from the old root.
"""

from __future__ import annotations

import contextlib
from typing import Final

from provisioning import certificates as x
from provisioning.authority import Authority
from provisioning.authority_layout import Layout
from provisioning.authority_setup import new_authority
from provisioning.errors import RefusedError
from provisioning.files import locked, read_file, recover, write_files
from provisioning.register import Rotation, dump_register

_KEPT: Final = (Layout.ROOT_KEY, Layout.ROOT, Layout.ISSUING_KEY, Layout.ISSUING, Layout.SIGNING_KEY, Layout.SIGNING)


def begin_rotation(authority: Authority, pass_phrase: bytes | None = None) -> None:
    """Make a new root, issuing authority and signing key beside the old ones, and trust both roots.

    Args:
        authority: The authority.
        pass_phrase: Encrypts the new root's key.

    Raises:
        RefusedError: A rotation is under way.
        ProvisioningError: The folder cannot be used; nothing was changed.
    """
    folder = authority.folder
    with locked(folder):
        recover(folder)
        register, now = authority.register, authority.now()
        if register.rotation is not None:
            raise RefusedError(
                f"a rotation is under way since {register.rotation.begun_at:%Y-%m-%d}",
                f"finish it first: siaga provision ca rotate finish --folder {folder}",
            )
        kept = {name: read_file(folder / name) for name in _KEPT if (folder / name).exists()}
        old_root = x.load(kept[Layout.ROOT], source=str(folder / Layout.ROOT))[0]
        new = new_authority(now, pass_phrase)
        files: dict[str, bytes | None] = {Layout.old(name): data for name, data in kept.items()}
        files |= new
        files[Layout.TRUST] = (new[Layout.ROOT] or b"") + kept[Layout.ROOT]
        files[Layout.SIGNING] = (new[Layout.SIGNING] or b"") + kept[Layout.SIGNING]
        rotation = Rotation(begun_at=now, old_root=x.fingerprint(old_root))
        files[Layout.REGISTER] = dump_register(register.model_copy(update={"rotation": rotation}))
        write_files(folder, files, overwrite=True)


def finish_rotation(authority: Authority, *, force: bool = False) -> None:
    """Trust the new root only, and destroy what is left of the old authority.

    Args:
        authority: The authority.
        force: Whether devices and brokers that descend from the old root are left outside.

    Raises:
        RefusedError: No rotation is under way, or the old root is still in use.
    """
    folder = authority.folder
    with locked(folder):
        recover(folder)
        register, now = authority.register, authority.now()
        if register.rotation is None:
            raise RefusedError(
                "no rotation is under way", f"begin one: siaga provision ca rotate begin --folder {folder}"
            )
        left = [each for each in register.live(now) if each.root == register.rotation.old_root]
        if left and not force:
            names = ", ".join(f"{each.kind} {each.name}" for each in left[:5]) + (", …" if len(left) > 5 else "")
            raise RefusedError(
                f"{len(left)} still signed by the old authority: {names}",
                "renew them, or --force leaves them outside",
            )
        files: dict[str, bytes | None] = {Layout.old(name): None for name in _KEPT}
        files[Layout.TRUST] = read_file(folder / Layout.ROOT)
        old_signing = read_file(folder / Layout.old(Layout.SIGNING))
        files[Layout.SIGNING] = read_file(folder / Layout.SIGNING).replace(old_signing, b"")
        files[Layout.REGISTER] = dump_register(register.model_copy(update={"rotation": None}))
        write_files(folder, files, overwrite=True)
        with contextlib.suppress(OSError):
            (folder / Layout.old("")).rmdir()
