"""Readings: its own MQTT session → decode → batch → store → receipts. Nothing else.

A batch is receipted when each of its readings is stored, quarantined on disk or counted as refused. Nothing is spooled
here: the boxes' outboxes are the spool.
"""
