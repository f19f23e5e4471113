"""Two desks of one ledger: which one owns what happens, and how the other takes over."""
