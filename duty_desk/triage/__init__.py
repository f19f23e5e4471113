"""Buttons that call for nothing too often: shown, with what to do about it, and never held back."""
