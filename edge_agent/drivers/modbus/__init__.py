"""Modbus RTU and TCP: registers of one or many slaves on a line."""
