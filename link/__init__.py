"""One MQTT session for everyone but the collector's hot path: birth and will, backoff, resubscribe."""

from link.backoff import Backoff
from link.client import Outgoing
from link.dial import Endpoint
from link.errors import (
    LinkError,
    LinkRefusedError,
    NotConnectedError,
    PublishRefusedError,
    PublishTimeoutError,
    TrustError,
)
from link.session import Session
from link.settings import BrokerSettings
from link.trust import Credentials

__all__ = [
    "Backoff",
    "BrokerSettings",
    "Credentials",
    "Endpoint",
    "LinkError",
    "LinkRefusedError",
    "NotConnectedError",
    "Outgoing",
    "PublishRefusedError",
    "PublishTimeoutError",
    "Session",
    "TrustError",
]
