"""What can go wrong on an MQTT session, by what the caller should do.

LinkError
├── NotConnectedError      nothing was sent; the session is connecting by itself; send again when it is up
├── PublishTimeoutError    no PUBACK in time; it may or may not have arrived; send again, the receiver absorbs it
├── PublishRefusedError    the broker answered and did not take it, or nobody listens; sending again at once is vain
├── TrustError             a TLS handshake failed: one side refused the other's certificate; a person must look
└── LinkRefusedError       the broker refused the log-in (its reason code); a person must look
"""

from __future__ import annotations

from typing import Literal

from contract.errors import SiagaError


class LinkError(SiagaError):
    """The root of what a session raises."""


class NotConnectedError(LinkError):
    """The session is not connected; nothing was sent."""


class PublishTimeoutError(LinkError):
    """No PUBACK came in time."""


class PublishRefusedError(LinkError):
    """The broker answered with a reason code that is not Success (MQTT 5, 3.4.2.1).

    `no_subscriber` is true for 0x10, No matching subscribers: the broker took it, and nobody listens.
    """

    def __init__(self, topic: str, reason_code: int, reason: str) -> None:
        self.topic = topic
        self.reason_code = reason_code
        self.reason = reason
        self.no_subscriber = reason_code == 0x10
        super().__init__(f"the broker refused {topic}: {reason} (0x{reason_code:02x})")


class LinkRefusedError(LinkError):
    """The broker refused the connection or a subscription."""

    def __init__(self, what: str, reason_code: int, reason: str) -> None:
        self.reason_code = reason_code
        self.reason = reason
        super().__init__(f"the broker refused {what}: {reason} (0x{reason_code:02x})")


class TrustError(LinkError):
    """A TLS handshake failed. `side` is who refused: `here` or the `broker`; `passing` if it may pass by itself."""

    def __init__(self, side: Literal["here", "broker"], what: str, *, passing: bool = False) -> None:
        self.side = side
        self.passing = passing
        super().__init__(what)
