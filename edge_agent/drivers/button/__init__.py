"""Buttons on a GPIO line, and the lamps at them."""
