"""Siaga's driver for tide-gauge."""
