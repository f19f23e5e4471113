"""Plantower particle sensors."""
