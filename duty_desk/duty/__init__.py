"""Who is on duty: the roster, its shifts, and whether a press at this minute would reach somebody."""
