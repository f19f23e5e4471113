"""Buttons of a board."""
