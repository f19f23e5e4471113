"""Sensors on I²C and on the board that the kernel shows as hwmon."""
