"""GNSS receivers that speak NMEA 0183."""
