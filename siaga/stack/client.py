"""A plain MQTT client, for tests and benchmarks that speak to a broker beside the product's own sessions."""

from __future__ import annotations

from typing import Any

import aiomqtt

from link import Endpoint


def connection(endpoint: Endpoint, client_id: str, **more: Any) -> aiomqtt.Client:
    """Return a connection to a broker, to be entered; `more` goes to aiomqtt."""
    assert endpoint.credentials is not None
    return aiomqtt.Client(
        endpoint.host,
        endpoint.port,
        identifier=client_id,
        username=endpoint.credentials.username,
        password=endpoint.credentials.password,
        tls_context=endpoint.credentials.context,
        protocol=aiomqtt.ProtocolVersion.V5,
        **more,
    )
