"""`[channels.push]` in desk.toml: which push services phones may name, and who asks them."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from contract.settings import Settings

PUBLIC_SERVICES: Final = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "push.services.mozilla.com",
    "push.apple.com",
    "notify.windows.com",
)
"""The services of Chrome, Firefox, Safari and Edge: each name, and the names below it."""

EXAMPLES: Final = {
    "channels.push": '[channels.push] contact = "mailto:posko@kota.example"',
    "channels.push.contact": 'contact = "mailto:posko@kota.example"',
    "channels.push.services": 'services = ["https://push.kota.example"]',
}


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.path or parts.query or parts.fragment or parts.username is not None or not parts.hostname:
        raise ValueError("expected scheme and host alone, with a port or without")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise ValueError("expected https; http is for this machine's own addresses alone")
    return text.lower()


def _contact(text: str) -> str:
    if not text.startswith(("mailto:", "https://")) or any(letter.isspace() for letter in text):
        raise ValueError("expected mailto: and an address, or an https:// URL")
    return text


class PushSettings(Settings):
    """Web push. `contact` is where a push service finds whoever runs this desk; Apple's takes nothing without one."""

    contact: Annotated[str, Field(max_length=200), AfterValidator(_contact)] | None = None
    services: Annotated[list[Annotated[str, AfterValidator(_origin)]], Field(max_length=16)] = Field(
        default_factory=list
    )

    def allows(self, endpoint: str) -> bool:
        """Return whether the desk may be made to push to an endpoint: nobody names it a host of the city's own."""
        try:
            parts = urlsplit(endpoint)
            host, port = parts.hostname, parts.port
        except ValueError:
            return False
        if not host or parts.username is not None or not endpoint.isascii() or any(each <= " " for each in endpoint):
            return False
        if f"{parts.scheme}://{parts.netloc}".lower() in self.services:
            return True
        known = any(host == name or host.endswith(f".{name}") for name in PUBLIC_SERVICES)
        return known and parts.scheme == "https" and port in (None, 443)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
