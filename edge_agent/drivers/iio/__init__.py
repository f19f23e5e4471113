"""Sensors on I²C and SPI, and ADCs, that the kernel shows as industrial I/O."""
