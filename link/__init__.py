"""One MQTT session for everyone but the collector's hot path: birth and will, backoff, resubscribe."""

from link.errors import LinkError, LinkRefusedError, NotConnectedError, PublishRefusedError, PublishTimeoutError
from link.session import Endpoint, Outgoing, Session

__all__ = [
    "Endpoint",
    "LinkError",
    "LinkRefusedError",
    "NotConnectedError",
    "Outgoing",
    "PublishRefusedError",
    "PublishTimeoutError",
    "Session",
]
