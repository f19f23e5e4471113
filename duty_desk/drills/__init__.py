"""Drills: presses and calls of status Exercise, by a script or by hand, from the desk's intake to the last officer."""
