"""What the guardian's tests share with the wall server's."""

from __future__ import annotations

from tests.dashboards.server.conftest import city_server

__all__ = ["city_server"]
