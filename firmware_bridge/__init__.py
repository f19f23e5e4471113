"""The link to a microcontroller board that has the buttons, lines, lamps and sirens a Pi has no pins for."""
