"""Supervised lines of a board."""
