"""Incidents as messages of the Common Alerting Protocol, for other systems."""
