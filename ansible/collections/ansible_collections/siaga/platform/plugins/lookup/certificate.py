"""`lookup('siaga.platform.certificate', file, names=['127.0.0.1'])`: does it count today, by these names?"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from cryptography import x509

DOCUMENTATION = """
name: certificate
short_description: Checks a certificate on the control machine and says in words what is wrong with it
description:
  - Reads the first certificate of a PEM file, which may be encrypted by Ansible Vault. Nothing is written.
options:
  _terms:
    description: The file.
    required: true
  names:
    description: Names and addresses by which it is dialled.
    type: list
    elements: string
    default: []
"""

RETURN = """
_raw:
  description: A text a file, which is empty when nothing is wrong.
"""


def look(pem: bytes, names: Iterable[str], now: datetime) -> str:
    """Return what is wrong with a certificate, in a few words; empty: nothing."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        return "no certificate in PEM"
    if certificate.not_valid_after_utc < now:
        return f"it ended on {certificate.not_valid_after_utc:%Y-%m-%d}"
    try:
        told = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        told = x509.SubjectAlternativeName([])
    addresses = set(told.get_values_for_type(x509.IPAddress))
    known = {name.lower() for name in told.get_values_for_type(x509.DNSName)}
    missing = [name for name in names if not _is_among(name, known, addresses)]
    return f"it does not name {', '.join(missing)}" if missing else ""


def _is_among(name: str, known: set[str], addresses: set[Any]) -> bool:
    try:
        return ipaddress.ip_address(name) in addresses
    except ValueError:
        lower = name.lower()
        return lower in known or f"*.{lower.partition('.')[2]}" in known


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no types
    """The plugin."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **options: Any) -> list[str]:
        """Return what is wrong with each file."""
        self.set_options(var_options=variables, direct=options)
        names = [str(name) for name in self.get_option("names")]
        try:
            texts = [self._loader.get_text_file_contents(str(term)) for term in terms]
        except (OSError, AnsibleError) as error:
            return [" ".join(str(error).split())] * len(terms)
        return [look(str(text).encode(), names, datetime.now(UTC)) for text in texts]
