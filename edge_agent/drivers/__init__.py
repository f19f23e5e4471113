"""Drivers: what turns a device's bytes and edges into samples and presses. One directory a driver."""
