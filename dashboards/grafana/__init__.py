"""The walls for a Grafana: its JSON made of the definitions, pushed, and checked."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # 0.0.21 warns of its own newer builders while it is imported; those are for a later Grafana than a city may have.
    warnings.simplefilter("ignore", DeprecationWarning)
    import grafana_foundation_sdk.builders.dashboard
    import grafana_foundation_sdk.models.dashboardv2beta1  # noqa: F401
