"""The life of incidents, without I/O: what alarms mean, what becomes of them, what is written down."""
