"""Pulses on a GPIO line: rain gauges, anemometers, meters."""
