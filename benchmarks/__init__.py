"""Measurements, never tests: each prints a row a figure and exits 1 when one is short of its target."""
