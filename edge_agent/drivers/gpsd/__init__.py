"""Positions from gpsd, which has the receiver."""
