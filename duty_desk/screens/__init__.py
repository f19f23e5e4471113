"""Which pages are open at the desk, and whether each would be seen and heard."""
