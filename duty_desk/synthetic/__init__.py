"""Test presses by command: whether an alarm would come now, by each path, and which hop is broken when not."""
